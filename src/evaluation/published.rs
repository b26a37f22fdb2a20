//! Published results on CelebA's test images, for comparison.

/// Published accuracies of one attribute, in percent and rounded to integers as in the publications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedAccuracy {
    /// The name of the attribute.
    pub attribute: &'static str,
    /// The accuracy of the paper that this program reproduces. `None` for the three attributes that the paper leaves out.
    pub paper: Option<u8>,
    /// The accuracy of LNets+ANet (Liu et al., 2015).
    pub lnets_anet: u8,
}

/// The paper's mean accuracy over its 37 attributes on the test images, from 0 to 1.
pub const PAPER_ACCURACY: f64 = 0.90959;
/// The paper's average Hamming distance on the test images: the mean number of wrong attributes of an image.
pub const PAPER_HAMMING_DISTANCE: f64 = 3.34516;
/// The paper's loss on the test images, which is the cosine proximity.
pub const PAPER_LOSS: f64 = -0.84417;
/// The silhouettes of agglomerative clustering, k-means and DBSCAN, each with as many clusters as DBSCAN finds, as stated in the
/// paper's text.
pub const PAPER_DBSCAN_SILHOUETTES: [f64; 3] = [0.73, 0.83, 0.87];
/// The first and the last point of the curve of k-means in figure 5: the number of clusters k and the silhouette. The values are
/// read off the chart in the paper's repository (`images/clustering_comparison.png`).
pub const PAPER_FIGURE_FIVE: [(usize, f64); 2] = [(2, 0.39), (50, 0.97)];

/// The published accuracies of CelebA's attributes, in CelebA's order.
///
/// - `paper` is from Table I of Anzalone et al., "Transfer Learning for Facial Attributes Prediction and Clustering", in the
///   version published with the code (GitHub `Luca96/face-clustering`, `whitepaper.pdf`). [`PAPER_ACCURACY`],
///   [`PAPER_HAMMING_DISTANCE`] and [`PAPER_LOSS`] are printed in `UL19_Training.ipynb` of the same repository.
/// - `lnets_anet` is from Table 1, row CelebA, of Liu et al., "Deep Learning Face Attributes in the Wild" (ICCV 2015,
///   arXiv 1411.7766). Table I of the paper quotes the same number for each of its 37 attributes.
pub const ACCURACIES: [PublishedAccuracy; 40] = [
    row("5_o_Clock_Shadow", Some(95), 91),
    row("Arched_Eyebrows", Some(81), 79),
    row("Attractive", None, 81),
    row("Bags_Under_Eyes", Some(85), 79),
    row("Bald", Some(99), 98),
    row("Bangs", Some(96), 95),
    row("Big_Lips", Some(71), 68),
    row("Big_Nose", Some(84), 78),
    row("Black_Hair", Some(90), 88),
    row("Blond_Hair", Some(96), 95),
    row("Blurry", None, 84),
    row("Brown_Hair", Some(89), 80),
    row("Bushy_Eyebrows", Some(92), 90),
    row("Chubby", Some(96), 91),
    row("Double_Chin", Some(96), 92),
    row("Eyeglasses", Some(99), 99),
    row("Goatee", Some(97), 95),
    row("Gray_Hair", Some(98), 97),
    row("Heavy_Makeup", Some(91), 90),
    row("High_Cheekbones", Some(87), 87),
    row("Male", Some(98), 98),
    row("Mouth_Slightly_Open", Some(94), 92),
    row("Mustache", Some(97), 95),
    row("Narrow_Eyes", Some(87), 81),
    row("No_Beard", Some(96), 95),
    row("Oval_Face", Some(76), 66),
    row("Pale_Skin", None, 91),
    row("Pointy_Nose", Some(76), 72),
    row("Receding_Hairline", Some(93), 89),
    row("Rosy_Cheeks", Some(95), 90),
    row("Sideburns", Some(98), 96),
    row("Smiling", Some(93), 92),
    row("Straight_Hair", Some(83), 73),
    row("Wavy_Hair", Some(82), 80),
    row("Wearing_Earrings", Some(90), 82),
    row("Wearing_Hat", Some(99), 99),
    row("Wearing_Lipstick", Some(91), 93),
    row("Wearing_Necklace", Some(88), 71),
    row("Wearing_Necktie", Some(97), 93),
    row("Young", Some(88), 87),
];

const fn row(attribute: &'static str, paper: Option<u8>, lnets_anet: u8) -> PublishedAccuracy {
    PublishedAccuracy { attribute, paper, lnets_anet }
}

/// Returns the published accuracies of an attribute, or `None` if it is not one of CelebA's attributes.
pub fn published(attribute: &str) -> Option<&'static PublishedAccuracy> {
    ACCURACIES.iter().find(|row| row.attribute == attribute)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::attributes::{CELEBA_ATTRIBUTES, paper_attributes};

    #[test]
    fn rows_and_averages_agree_with_the_publications() {
        assert_eq!(ACCURACIES.map(|row| row.attribute), CELEBA_ATTRIBUTES);
        let with_figure: Vec<&str> = ACCURACIES.iter().filter(|row| row.paper.is_some()).map(|row| row.attribute).collect();
        assert_eq!(with_figure, paper_attributes());
        let mean = |values: Vec<u8>| values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64;
        // The published tables give the averages 91 (of 37 attributes) and 87 (of 40 attributes).
        let paper = mean(ACCURACIES.iter().filter_map(|row| row.paper).collect());
        let lnets_anet = mean(ACCURACIES.iter().map(|row| row.lnets_anet).collect());
        assert_eq!((paper.round(), lnets_anet.round()), (91.0, 87.0));
        assert!((paper / 100.0 - PAPER_ACCURACY).abs() < 0.005, "{paper}");
        assert!((37.0 * (1.0 - PAPER_ACCURACY) - PAPER_HAMMING_DISTANCE).abs() < 1e-3);
    }
}
