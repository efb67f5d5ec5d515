//! Values between the steps of a graph.

pub(super) use mlctl_table::limit::volume;
use smallvec::SmallVec;
use tract_onnx::prelude::f16;

/// Dimensions; few enough to need no allocation.
pub(super) type Shape = SmallVec<[usize; 4]>;

/// Values of one type, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    Bool(Vec<bool>),
    I8(Vec<i8>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    F16(Vec<f16>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Str(Vec<String>),
}

/// A tensor of any type.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    pub(super) shape: Shape,
    pub(super) data: Data,
}

/// Does the same for data of whatever type, and gives it back as data of that type.
macro_rules! same {
    ($data:expr, $list:ident => $body:expr) => {
        match $data {
            $crate::array::Data::Bool($list) => $crate::array::Data::Bool($body),
            $crate::array::Data::I8($list) => $crate::array::Data::I8($body),
            $crate::array::Data::I16($list) => $crate::array::Data::I16($body),
            $crate::array::Data::I32($list) => $crate::array::Data::I32($body),
            $crate::array::Data::I64($list) => $crate::array::Data::I64($body),
            $crate::array::Data::U8($list) => $crate::array::Data::U8($body),
            $crate::array::Data::U16($list) => $crate::array::Data::U16($body),
            $crate::array::Data::U32($list) => $crate::array::Data::U32($body),
            $crate::array::Data::U64($list) => $crate::array::Data::U64($body),
            $crate::array::Data::F16($list) => $crate::array::Data::F16($body),
            $crate::array::Data::F32($list) => $crate::array::Data::F32($body),
            $crate::array::Data::F64($list) => $crate::array::Data::F64($body),
            $crate::array::Data::Str($list) => $crate::array::Data::Str($body),
        }
    };
}

/// Does the same for data of whatever type.
macro_rules! any {
    ($data:expr, $list:ident => $body:expr) => {
        match $data {
            $crate::array::Data::Bool($list) => $body,
            $crate::array::Data::I8($list) => $body,
            $crate::array::Data::I16($list) => $body,
            $crate::array::Data::I32($list) => $body,
            $crate::array::Data::I64($list) => $body,
            $crate::array::Data::U8($list) => $body,
            $crate::array::Data::U16($list) => $body,
            $crate::array::Data::U32($list) => $body,
            $crate::array::Data::U64($list) => $body,
            $crate::array::Data::F16($list) => $body,
            $crate::array::Data::F32($list) => $body,
            $crate::array::Data::F64($list) => $body,
            $crate::array::Data::Str($list) => $body,
        }
    };
}

pub(super) use {any, same};

/// A type that [`Data`] holds.
pub(super) trait Element: Clone + Default + PartialEq + 'static {
    /// Returns the values when they are of this type.
    fn of(data: &Data) -> Option<&[Self]>;
    /// Makes data of values.
    fn data(list: Vec<Self>) -> Data;
}

macro_rules! element {
    ($($kind:ty => $variant:ident),*) => {$(
        impl Element for $kind {
            fn of(data: &Data) -> Option<&[Self]> {
                if let Data::$variant(list) = data { Some(list) } else { None }
            }

            fn data(list: Vec<Self>) -> Data {
                Data::$variant(list)
            }
        }
    )*};
}

element!(bool => Bool, i8 => I8, i16 => I16, i32 => I32, i64 => I64, u8 => U8, u16 => U16,
    u32 => U32, u64 => U64, f16 => F16, f32 => F32, f64 => F64, String => Str);

impl Data {
    /// Returns how many values there are.
    pub(super) fn len(&self) -> usize {
        any!(self, list => list.len())
    }

    /// Returns how many elements a copy of any of the values takes at most: more than one for texts.
    pub(super) fn heaviest(&self) -> usize {
        match self {
            Self::Str(list) => heaviest(list),
            _ => 1,
        }
    }

    /// Names the type as ONNX does.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::I8(_) => "int8",
            Self::I16(_) => "int16",
            Self::I32(_) => "int32",
            Self::I64(_) => "int64",
            Self::U8(_) => "uint8",
            Self::U16(_) => "uint16",
            Self::U32(_) => "uint32",
            Self::U64(_) => "uint64",
            Self::F16(_) => "float16",
            Self::F32(_) => "float",
            Self::F64(_) => "double",
            Self::Str(_) => "string",
        }
    }
}

impl Array {
    /// Gives values a shape, which they must fill.
    pub(super) fn new<T: Element>(shape: impl Into<Shape>, list: Vec<T>) -> Self {
        let shape = shape.into();
        debug_assert_eq!(shape.iter().product::<usize>(), list.len());
        Self { shape, data: T::data(list) }
    }

    /// Makes a tensor of rank 1.
    pub(super) fn vector<T: Element>(list: Vec<T>) -> Self {
        Self { shape: SmallVec::from_slice(&[list.len()]), data: T::data(list) }
    }

    /// Makes a tensor of rank 0.
    pub(super) fn scalar<T: Element>(value: T) -> Self {
        Self { shape: Shape::new(), data: T::data(vec![value]) }
    }

    /// Returns how many values there are.
    pub(super) fn len(&self) -> usize {
        self.data.len()
    }

    /// Returns how many elements the values take, where texts count by their length.
    pub(super) fn weight(&self) -> usize {
        match &self.data {
            Data::Str(list) => list.iter().map(|text| text_weight(text)).sum(),
            data => data.len(),
        }
    }

    /// Returns the number of dimensions.
    pub(super) fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Returns the values, which must be of type `T`.
    pub(super) fn list<T: Element>(&self) -> Result<&[T], String> {
        T::of(&self.data).ok_or_else(|| format!("values of type {} do not fit", self.data.kind()))
    }

    /// Returns whole numbers of 32 or 64 bits.
    pub(super) fn whole(&self) -> Result<Vec<i64>, String> {
        match &self.data {
            Data::I64(list) => Ok(list.clone()),
            Data::I32(list) => Ok(list.iter().copied().map(i64::from).collect()),
            other => Err(format!("whole numbers are needed, not {}", other.kind())),
        }
    }

    /// Returns the only whole number.
    pub(super) fn number(&self) -> Result<i64, String> {
        match self.whole()?[..] {
            [only] => Ok(only),
            _ => Err(format!("one number is needed, not {}", self.len())),
        }
    }

    /// Returns rows and columns: of a vector one row, of more dimensions the first and the rest.
    pub(super) fn matrix(&self) -> (usize, usize) {
        match *self.shape {
            [] => (1, 1),
            [width] => (1, width),
            [rows, ref rest @ ..] => (rows, rest.iter().product()),
        }
    }

    /// Gives the same values another shape.
    pub(super) fn reshaped(self, shape: impl Into<Shape>) -> Result<Self, String> {
        let shape = shape.into();
        if volume(&shape)? != self.len() {
            return Err(format!("{} values do not fill the shape {shape:?}", self.len()));
        }
        Ok(Self { shape, data: self.data })
    }
}

/// Checks that there is room for so many copies of values of some data; returns how many.
pub(super) fn copies(data: &Data, shape: &[usize]) -> Result<usize, String> {
    room(data.heaviest(), shape)
}

/// Checks that there is room for values that take up to `heaviest` elements each; returns how many.
pub(super) fn room(heaviest: usize, shape: &[usize]) -> Result<usize, String> {
    let count = volume(shape)?;
    match heaviest {
        1 => Ok(count),
        heaviest => volume(&[count, heaviest])
            .map(|_| count)
            .map_err(|_| format!("a value of shape {shape:?} is too large: its texts may be long")),
    }
}

/// Returns how many elements the longest text takes.
pub(super) fn heaviest(list: &[String]) -> usize {
    list.iter().map(|text| text_weight(text)).max().unwrap_or(1)
}

/// Returns how many elements of 8 bytes a text takes.
fn text_weight(text: &str) -> usize {
    (size_of::<String>() + text.len()).div_ceil(8)
}

/// Turns an axis that may count from the end into a plain one.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, String> {
    let plain = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(plain)
        .ok()
        .filter(|plain| *plain < rank)
        .ok_or_else(|| format!("there is no axis {axis} of {rank}"))
}

/// Turns axes that may count from the end into plain ones, none of them twice.
pub(super) fn axes(list: &[i64], rank: usize) -> Result<Vec<usize>, String> {
    let axes = list.iter().map(|at| axis(*at, rank)).collect::<Result<Vec<_>, _>>()?;
    match axes.iter().enumerate().find(|(at, one)| axes[..*at].contains(one)) {
        Some((_, twice)) => Err(format!("the axes {list:?} name axis {twice} twice")),
        None => Ok(axes),
    }
}

/// Splits a shape at an axis: the volume before it, its size, and the volume behind it.
pub(super) fn around(shape: &[usize], axis: usize) -> (usize, usize, usize) {
    (shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product())
}
