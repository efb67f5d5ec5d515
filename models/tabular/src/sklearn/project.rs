//! Rows turned into fewer numbers: components, random directions, and clusters.

use super::estimator::{Answer, Estimator, Methods};
use super::frame::{Frame, row_major};
use super::labels::{Labels, Output};
use super::linear::{largest_of_each, transposed};
use super::skops::{Load, Object};
use ndarray::{Array2, ArrayView1};
use std::sync::Arc;

/// Loads such an estimator, if the class is one.
pub(super) fn load(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    Ok(Some(match class {
        "PCA"
        | "IncrementalPCA"
        | "TruncatedSVD"
        | "FastICA"
        | "GaussianRandomProjection"
        | "SparseRandomProjection" => Box::new(Projection::read(class, object)?),
        "RBFSampler" => Box::new(Waves::read(object)?),
        "KMeans" | "MiniBatchKMeans" => Box::new(Clusters::read(object)?),
        _ => return Ok(None),
    }))
}

/// `(X - mean) directions`, each column divided by its scale.
#[derive(Debug)]
struct Projection {
    mean: Option<Vec<f64>>,
    directions: Array2<f64>,
    scale: Option<Vec<f64>>,
}

impl Projection {
    fn read(class: &str, object: &Object<'_>) -> Load<Self> {
        let features = object.features()?;
        let components = object.matrix("components_")?;
        if components.ncols() != features {
            return object.unsupported("components_");
        }
        let is_centered = match class {
            "PCA" | "IncrementalPCA" => true,
            // It centers only what it whitens.
            "FastICA" => !matches!(object.get("whiten")?.flag(), Ok(false)),
            _ => false,
        };
        let mean = is_centered.then(|| object.vector_of("mean_", features)).transpose()?;
        let mut scale = None;
        if class.ends_with("PCA") && object.flag("whiten")? {
            let variances = object.vector_of("explained_variance_", components.nrows())?;
            scale = Some(variances.iter().map(|value| value.sqrt().max(f64::EPSILON)).collect());
        }
        Ok(Self { mean, directions: transposed(&components), scale })
    }
}

impl Estimator for Projection {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        let mut rows = frame.into_numbers()?;
        if let Some(mean) = &self.mean {
            rows -= &ArrayView1::from(mean);
        }
        let mut projected = row_major(rows.dot(&self.directions));
        if let Some(scale) = &self.scale {
            projected /= &ArrayView1::from(scale);
        }
        Ok(Frame::Numbers(projected))
    }

    fn width_out(&self) -> Option<usize> {
        Some(self.directions.ncols())
    }
}

/// Cosines of random directions.
#[derive(Debug)]
struct Waves {
    directions: Array2<f64>,
    phases: Vec<f64>,
}

impl Waves {
    fn read(object: &Object<'_>) -> Load<Self> {
        let directions = object.matrix("random_weights_")?;
        if directions.nrows() != object.features()? {
            return object.unsupported("random_weights_");
        }
        Ok(Self { phases: object.vector_of("random_offset_", directions.ncols())?, directions })
    }
}

impl Estimator for Waves {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        let mut cells = row_major(frame.into_numbers()?.dot(&self.directions));
        cells += &ArrayView1::from(&self.phases);
        let height = (2.0 / self.phases.len() as f64).sqrt();
        cells.mapv_inplace(|value| value.cos() * height);
        Ok(Frame::Numbers(cells))
    }

    fn width_out(&self) -> Option<usize> {
        Some(self.phases.len())
    }
}

/// The nearest of some centers.
#[derive(Debug)]
struct Clusters {
    centers: Array2<f64>,
    labels: Arc<Labels>,
}

impl Clusters {
    fn read(object: &Object<'_>) -> Load<Self> {
        let centers = object.matrix("cluster_centers_")?;
        if centers.ncols() != object.features()? || centers.nrows() == 0 {
            return object.unsupported("cluster_centers_");
        }
        let labels = Arc::new(Labels::Ints((0..).take(centers.nrows()).collect()));
        Ok(Self { centers, labels })
    }

    fn distances(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let rows = frame.numbers()?;
        Ok(Array2::from_shape_fn((rows.nrows(), self.centers.nrows()), |(row, center)| {
            let both = rows.row(row).into_iter().zip(self.centers.row(center));
            both.map(|(one, other)| (one - other) * (one - other)).sum::<f64>().sqrt()
        }))
    }
}

impl Estimator for Clusters {
    fn methods(&self) -> Methods {
        Methods::PREDICT.with(Methods::TRANSFORM)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let near = self.distances(frame)?.mapv(|distance| -distance);
        let winners = largest_of_each(&near);
        Ok(Output::Classes(winners, Arc::clone(&self.labels)))
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        Ok(Frame::Numbers(self.distances(&frame)?))
    }

    fn width_out(&self) -> Option<usize> {
        Some(self.centers.nrows())
    }
}
