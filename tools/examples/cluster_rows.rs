//! Clusters rows of numbers: by k-means alone, and by several methods with their silhouettes.
//!
//! `cargo run --release --example cluster_rows`

use lineament::app::{ClusterRows, Context, RowOptions};
use lineament::cluster::{Linkage, Metric};
use lineament::data::AttributeTable;
use lineament::{AdapterRequest, Clusterer, CountedRows, Device, KMeans, Method, silhouette};

/// Returns 300 rows around three centres in the plane.
fn rows() -> Vec<f32> {
    let offset = |at: usize| ((at * 7919) % 101) as f32 / 500.0;
    let centers = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]];
    (0..300).flat_map(|row| [centers[row % 3][0] + offset(2 * row), centers[row % 3][1] + offset(2 * row + 1)]).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::open(&AdapterRequest::default())?;
    let values = rows();

    // k-means can be run alone, on a slice of numbers.
    let kmeans = KMeans { k: 3, n_init: 10, seed: 0, tolerance: 1e-4, iterations: 300, initial: None };
    let fit = kmeans.fit(&device, &values, 300, 2)?;
    let labels: Vec<i64> = fit.labels.iter().map(|label| i64::from(*label)).collect();
    let score = silhouette(&device, &CountedRows::every(&values, 300, 2)?, &labels, Metric::Euclidean)?;
    println!("k-means: inertia {:.3}, silhouette {:.4}", fit.inertia, score.mean);

    // Every method takes a table and gives the same kind of result, which `lineament report` reads.
    let images = (0..300).map(|row| format!("row {row}")).collect();
    let table = AttributeTable { images, attributes: vec!["x".into(), "y".into()], values, ..Default::default() };
    let rows = ClusterRows::new(table, &RowOptions::default(), &Context::default())?;
    let methods = [
        Method::Kmeans(kmeans),
        Method::Agglomerative { linkage: Linkage::Ward, metric: Metric::Euclidean },
        Method::Dbscan { radius: 0.2, min_samples: 3, metric: Metric::Euclidean },
    ];
    for method in methods {
        let result = Clusterer::new(&device, method, 3).cluster(rows.clone())?;
        println!("{}: {} clusters of {:?} rows, silhouette {:?}", result.method, result.k, result.sizes, result.silhouette);
    }
    Ok(())
}
