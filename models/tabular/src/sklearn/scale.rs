//! Transformers that change each number by itself, or each row: scalers and distributions.

use super::estimator::{Answer, Estimator, Methods, fail};
use super::frame::Frame;
use super::skops::{Load, Object};
use mlctl_models_trees::recipe::Scaling;
use ndarray::{Array2, ArrayView1, Axis};

/// Loads a scaler, if the class is one.
pub(super) fn load(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    Ok(Some(match class {
        "StandardScaler" => Box::new(Scaler::standard(object)?),
        "RobustScaler" => Box::new(Scaler::robust(object)?),
        "MinMaxScaler" => Box::new(Scaler::min_max(object)?),
        "MaxAbsScaler" => Box::new(Scaler::max_abs(object)?),
        "Normalizer" => Box::new(Normalizer::read(object)?),
        "Binarizer" => Box::new(Binarizer { threshold: object.number("threshold")? }),
        "PowerTransformer" => Box::new(Power::read(object)?),
        "QuantileTransformer" => Box::new(Quantiles::read(object)?),
        _ => return Ok(None),
    }))
}

/// `(x - minus) / by * times + plus`, clipped; each part only where it is there, in this order, so
/// that the last digit comes out as in scikit-learn.
#[derive(Debug, Default)]
pub(super) struct Scaler {
    minus: Option<Vec<f64>>,
    by: Option<Vec<f64>>,
    times: Option<Vec<f64>>,
    plus: Option<Vec<f64>>,
    clip: Option<(f64, f64)>,
}

impl Scaler {
    pub(super) fn standard(object: &Object<'_>) -> Load<Self> {
        let features = object.features()?;
        let part = |flag: &str, name: &str| {
            Ok(if object.flag(flag)? { Some(object.vector_of(name, features)?) } else { None })
        };
        Ok(Self {
            minus: part("with_mean", "mean_")?,
            by: part("with_std", "scale_")?,
            ..Self::default()
        })
    }

    fn robust(object: &Object<'_>) -> Load<Self> {
        let features = object.features()?;
        let part = |flag: &str, name: &str| {
            Ok(if object.flag(flag)? { Some(object.vector_of(name, features)?) } else { None })
        };
        Ok(Self {
            minus: part("with_centering", "center_")?,
            by: part("with_scaling", "scale_")?,
            ..Self::default()
        })
    }

    fn min_max(object: &Object<'_>) -> Load<Self> {
        let features = object.features()?;
        let range = object.get("feature_range")?.floats()?;
        let [low, high] = range[..] else { return object.unsupported("feature_range") };
        let clips = object.find("clip").map_or(Ok(false), |item| item.flag())?;
        Ok(Self {
            times: Some(object.vector_of("scale_", features)?),
            plus: Some(object.vector_of("min_", features)?),
            clip: clips.then_some((low, high)),
            ..Self::default()
        })
    }

    fn max_abs(object: &Object<'_>) -> Load<Self> {
        let clips = object.find("clip").map_or(Ok(false), |item| item.flag())?;
        Ok(Self {
            by: Some(object.vector_of("scale_", object.features()?)?),
            clip: clips.then_some((-1.0, 1.0)),
            ..Self::default()
        })
    }

    pub(super) fn apply(&self, rows: &mut Array2<f64>) {
        for row in rows.rows_mut() {
            // Rows of a matrix in memory are slices, which a compiler makes fast loops of.
            match row.into_slice() {
                Some(cells) => self.apply_to(cells),
                None => return self.apply_slowly(rows),
            }
        }
    }

    fn apply_to(&self, cells: &mut [f64]) {
        if let Some(minus) = &self.minus {
            cells.iter_mut().zip(minus).for_each(|(cell, minus)| *cell -= minus);
        }
        if let Some(by) = &self.by {
            cells.iter_mut().zip(by).for_each(|(cell, by)| *cell /= by);
        }
        if let Some(times) = &self.times {
            cells.iter_mut().zip(times).for_each(|(cell, times)| *cell *= times);
        }
        if let Some(plus) = &self.plus {
            cells.iter_mut().zip(plus).for_each(|(cell, plus)| *cell += plus);
        }
        if let Some((low, high)) = self.clip {
            cells.iter_mut().for_each(|cell| *cell = cell.clamp(low, high));
        }
    }

    /// Does the same with a matrix whose columns lie together.
    fn apply_slowly(&self, rows: &mut Array2<f64>) {
        let mut sorted = super::frame::row_major(std::mem::take(rows));
        self.apply(&mut sorted);
        *rows = sorted;
    }
}

impl Estimator for Scaler {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM.with(Methods::INVERSE)
    }

    fn inverse(&self, mut rows: Array2<f64>) -> Answer<Array2<f64>> {
        if let Some(plus) = &self.plus {
            rows -= &ArrayView1::from(plus);
        }
        if let Some(times) = &self.times {
            rows /= &ArrayView1::from(times);
        }
        if let Some(by) = &self.by {
            rows *= &ArrayView1::from(by);
        }
        if let Some(minus) = &self.minus {
            rows += &ArrayView1::from(minus);
        }
        Ok(rows)
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        let mut rows = frame.into_numbers()?;
        self.apply(&mut rows);
        Ok(Frame::Numbers(rows))
    }

    fn scaling(&self) -> Result<Option<Scaling>, String> {
        Ok(Some(Scaling {
            minus: self.minus.clone(),
            by: self.by.clone(),
            times: self.times.clone(),
            plus: self.plus.clone(),
            clip: self.clip,
        }))
    }
}

#[derive(Clone, Copy, Debug)]
enum Norm {
    L1,
    L2,
    Max,
}

#[derive(Debug)]
struct Normalizer {
    norm: Norm,
}

impl Normalizer {
    fn read(object: &Object<'_>) -> Load<Self> {
        let norm = match object.text("norm")?.as_str() {
            "l1" => Norm::L1,
            "l2" => Norm::L2,
            "max" => Norm::Max,
            _ => return object.unsupported("norm"),
        };
        Ok(Self { norm })
    }
}

impl Estimator for Normalizer {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        let mut rows = frame.into_numbers()?;
        for mut row in rows.rows_mut() {
            let norm = match self.norm {
                Norm::L1 => row.iter().map(|value| value.abs()).sum(),
                Norm::L2 => row.iter().map(|value| value * value).sum::<f64>().sqrt(),
                Norm::Max => row.iter().fold(0.0, |most: f64, value| most.max(value.abs())),
            };
            // scikit-learn leaves rows alone whose norm is next to nothing.
            if norm >= 10.0 * f64::EPSILON {
                row /= norm;
            }
        }
        Ok(Frame::Numbers(rows))
    }
}

#[derive(Debug)]
struct Binarizer {
    threshold: f64,
}

impl Estimator for Binarizer {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        let mut rows = frame.into_numbers()?;
        rows.mapv_inplace(|value| f64::from(u8::from(value > self.threshold)));
        Ok(Frame::Numbers(rows))
    }
}

/// The power transforms of Box and Cox, and of Yeo and Johnson.
#[derive(Debug)]
struct Power {
    is_box_cox: bool,
    lambdas: Vec<f64>,
    scaler: Option<Scaler>,
}

impl Power {
    fn read(object: &Object<'_>) -> Load<Self> {
        let is_box_cox = match object.text("method")?.as_str() {
            "box-cox" => true,
            "yeo-johnson" => false,
            _ => return object.unsupported("method"),
        };
        let scaler = object.flag("standardize")?;
        let scaler = scaler.then(|| Scaler::standard(&object.object("_scaler")?)).transpose()?;
        let lambdas = object.vector_of("lambdas_", object.features()?)?;
        if lambdas.iter().any(|value| !value.is_finite()) {
            return object.unsupported("lambdas_");
        }
        Ok(Self { is_box_cox, lambdas, scaler })
    }
}

impl Estimator for Power {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        let mut rows = frame.into_numbers()?;
        if self.is_box_cox && rows.iter().any(|value| *value <= 0.0) {
            return fail("the Box-Cox transformation takes strictly positive numbers only");
        }
        for (mut column, lambda) in rows.columns_mut().into_iter().zip(&self.lambdas) {
            if self.is_box_cox {
                column.mapv_inplace(|value| box_cox(value, *lambda));
            } else {
                column.mapv_inplace(|value| yeo_johnson(value, *lambda));
            }
        }
        if let Some(scaler) = &self.scaler {
            scaler.apply(&mut rows);
        }
        Ok(Frame::Numbers(rows))
    }
}

fn box_cox(value: f64, lambda: f64) -> f64 {
    if lambda.abs() < 1e-19 { value.ln() } else { (lambda * value.ln()).exp_m1() / lambda }
}

fn yeo_johnson(value: f64, lambda: f64) -> f64 {
    if value >= 0.0 {
        if lambda.abs() < f64::EPSILON {
            return value.ln_1p();
        }
        return (lambda * value.ln_1p()).exp_m1() / lambda;
    }
    if (lambda - 2.0).abs() > f64::EPSILON {
        return -((2.0 - lambda) * (-value).ln_1p()).exp_m1() / (2.0 - lambda);
    }
    -(-value).ln_1p()
}

/// Maps each feature to its quantile among those of the training rows.
#[derive(Debug)]
struct Quantiles {
    /// The quantiles of each feature, ascending, and the negated ones, ascending as well.
    features: Vec<(Vec<f64>, Vec<f64>)>,
    references: Vec<f64>,
    negated_references: Vec<f64>,
    is_normal: bool,
}

const BOUNDS_THRESHOLD: f64 = 1e-7;

impl Quantiles {
    fn read(object: &Object<'_>) -> Load<Self> {
        let is_normal = match object.text("output_distribution")?.as_str() {
            "normal" => true,
            "uniform" => false,
            _ => return object.unsupported("output_distribution"),
        };
        let references = object.vector("references_")?;
        if references.is_empty() {
            return object.unsupported("references_");
        }
        let quantiles = object.matrix_of("quantiles_", (references.len(), object.features()?))?;
        let features = quantiles
            .axis_iter(Axis(1))
            .map(|column| (column.to_vec(), column.iter().rev().map(|value| -value).collect()));
        Ok(Self {
            features: features.collect(),
            negated_references: references.iter().rev().map(|value| -value).collect(),
            references,
            is_normal,
        })
    }

    fn map(&self, value: f64, quantiles: &[f64], negated: &[f64]) -> f64 {
        if value.is_nan() {
            return value;
        }
        let (low, high) = (quantiles[0], quantiles[quantiles.len() - 1]);
        let (is_low, is_high) = if self.is_normal {
            (value - BOUNDS_THRESHOLD < low, value + BOUNDS_THRESHOLD > high)
        } else {
            (value == low, value == high)
        };
        let up = interpolate(value, quantiles, &self.references);
        let down = interpolate(-value, negated, &self.negated_references);
        let mut mapped = 0.5 * (up - down);
        if is_high {
            mapped = 1.0;
        }
        if is_low {
            mapped = 0.0;
        }
        if !self.is_normal {
            return mapped;
        }
        // The ends would be infinite: scikit-learn cuts them here.
        let edge = BOUNDS_THRESHOLD - f64::EPSILON;
        normal_quantile(mapped).clamp(normal_quantile(edge), normal_quantile(1.0 - edge))
    }
}

impl Estimator for Quantiles {
    fn methods(&self) -> Methods {
        let methods = Methods::TRANSFORM;
        if self.is_normal { methods } else { methods.with(Methods::INVERSE) }
    }

    fn inverse(&self, mut rows: Array2<f64>) -> Answer<Array2<f64>> {
        for (mut column, (quantiles, _)) in rows.columns_mut().into_iter().zip(&self.features) {
            column.mapv_inplace(|value| interpolate(value, &self.references, quantiles));
        }
        Ok(rows)
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        let mut rows = frame.into_numbers()?;
        for (mut column, (quantiles, negated)) in rows.columns_mut().into_iter().zip(&self.features)
        {
            column.mapv_inplace(|value| self.map(value, quantiles, negated));
        }
        Ok(Frame::Numbers(rows))
    }
}

/// Interpolates as `numpy.interp` does; `xs` ascends.
pub(super) fn interpolate(x: f64, xs: &[f64], ys: &[f64]) -> f64 {
    let after = xs.partition_point(|at| *at <= x);
    if after == 0 {
        return ys[0];
    }
    let at = after - 1;
    if after == xs.len() || xs[at] == x {
        return ys[at];
    }
    let slope = (ys[after] - ys[at]) / (xs[after] - xs[at]);
    slope * (x - xs[at]) + ys[at]
}

/// Returns the quantile of the standard normal distribution: M. J. Wichura, algorithm AS 241
/// (PPND16), right to about 1 part in 10^16.
fn normal_quantile(share: f64) -> f64 {
    const CENTER: ([f64; 8], [f64; 8]) = (
        [
            3.387_132_872_796_366_6,
            133.141_667_891_784_38,
            1_971.590_950_306_551_3,
            13_731.693_765_509_46,
            45_921.953_931_549_87,
            67_265.770_927_008_7,
            33_430.575_583_588_13,
            2_509.080_928_730_122_7,
        ],
        [
            1.0,
            42.313_330_701_600_91,
            687.187_007_492_057_9,
            5_394.196_021_424_751,
            21_213.794_301_586_597,
            39_307.895_800_092_71,
            28_729.085_735_721_943,
            5_226.495_278_852_854,
        ],
    );
    const MIDDLE: ([f64; 8], [f64; 8]) = (
        [
            1.423_437_110_749_683_5,
            4.630_337_846_156_546,
            5.769_497_221_460_691,
            3.647_848_324_763_204_5,
            1.270_458_252_452_368_4,
            0.241_780_725_177_450_6,
            0.022_723_844_989_269_184,
            7.745_450_142_783_414e-4,
        ],
        [
            1.0,
            2.053_191_626_637_759,
            1.676_384_830_183_803_8,
            0.689_767_334_985_1,
            0.148_103_976_427_480_08,
            0.015_198_666_563_616_457,
            5.475_938_084_995_345e-4,
            1.050_750_071_644_416_9e-9,
        ],
    );
    const TAIL: ([f64; 8], [f64; 8]) = (
        [
            6.657_904_643_501_103,
            5.463_784_911_164_114,
            1.784_826_539_917_291_3,
            0.296_560_571_828_504_87,
            0.026_532_189_526_576_124,
            0.001_242_660_947_388_078_4,
            2.711_555_568_743_487_6e-5,
            2.010_334_399_292_288_1e-7,
        ],
        [
            1.0,
            0.599_832_206_555_887_9,
            0.136_929_880_922_735_8,
            0.014_875_361_290_850_615,
            7.868_691_311_456_133e-4,
            1.846_318_317_510_054_8e-5,
            1.421_511_758_316_446e-7,
            2.044_263_103_389_939_8e-15,
        ],
    );
    if share <= 0.0 || share >= 1.0 {
        return if share <= 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let ratio = |(above, below): &([f64; 8], [f64; 8]), at: f64| {
        let sum = |terms: &[f64; 8]| terms.iter().rev().fold(0.0, |sum, term| sum * at + term);
        sum(above) / sum(below)
    };
    let off_center = share - 0.5;
    if off_center.abs() <= 0.425 {
        return off_center * ratio(&CENTER, 0.180_625 - off_center * off_center);
    }
    let tail = (-share.min(1.0 - share).ln()).sqrt();
    let size = if tail <= 5.0 { ratio(&MIDDLE, tail - 1.6) } else { ratio(&TAIL, tail - 5.0) };
    size.copysign(off_center)
}
