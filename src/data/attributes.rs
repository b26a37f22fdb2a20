//! Names of facial attributes: CelebA's 40, the 37 of the paper's model, and the 10 that the paper clusters by.

use std::collections::HashSet;

use super::error::DataError;

/// CelebA's 40 attributes, in the order of `list_attr_celeba.txt`.
pub const CELEBA_ATTRIBUTES: [&str; 40] = [
    "5_o_Clock_Shadow",
    "Arched_Eyebrows",
    "Attractive",
    "Bags_Under_Eyes",
    "Bald",
    "Bangs",
    "Big_Lips",
    "Big_Nose",
    "Black_Hair",
    "Blond_Hair",
    "Blurry",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Chubby",
    "Double_Chin",
    "Eyeglasses",
    "Goatee",
    "Gray_Hair",
    "Heavy_Makeup",
    "High_Cheekbones",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "Narrow_Eyes",
    "No_Beard",
    "Oval_Face",
    "Pale_Skin",
    "Pointy_Nose",
    "Receding_Hairline",
    "Rosy_Cheeks",
    "Sideburns",
    "Smiling",
    "Straight_Hair",
    "Wavy_Hair",
    "Wearing_Earrings",
    "Wearing_Hat",
    "Wearing_Lipstick",
    "Wearing_Necklace",
    "Wearing_Necktie",
    "Young",
];

/// The three of [`CELEBA_ATTRIBUTES`] that the paper leaves out because they are subjective or describe the photograph.
pub const DROPPED_ATTRIBUTES: [&str; 3] = ["Attractive", "Blurry", "Pale_Skin"];

/// The ten attributes by which the paper's script clusters, in the script's order.
pub const CHOSEN_ATTRIBUTES: [&str; 10] = [
    "Wearing_Lipstick",
    "Smiling",
    "No_Beard",
    "Heavy_Makeup",
    "Bald",
    "Male",
    "Young",
    "Eyeglasses",
    "Blond_Hair",
    "Wearing_Hat",
];

/// Returns the 37 attributes of the paper's model: [`CELEBA_ATTRIBUTES`] without [`DROPPED_ATTRIBUTES`], in CelebA's order.
pub fn paper_attributes() -> Vec<&'static str> {
    CELEBA_ATTRIBUTES.into_iter().filter(|name| !DROPPED_ATTRIBUTES.contains(name)).collect()
}

/// The names of sets of attributes. Such a name can be used in place of the names of the attributes in the set.
pub const NAMED_SETS: [&str; 2] = ["paper-ten", "paper-37"];

/// Returns the attributes of one of the [`NAMED_SETS`]: [`CHOSEN_ATTRIBUTES`] for `paper-ten`, [`paper_attributes`] for
/// `paper-37`, and `None` for any other name.
pub fn named_set(name: &str) -> Option<Vec<&'static str>> {
    match name {
        "paper-ten" => Some(CHOSEN_ATTRIBUTES.to_vec()),
        "paper-37" => Some(paper_attributes()),
        _ => None,
    }
}

/// Returns the positions in `known` of the attributes in `names`. A name may also be one of the [`NAMED_SETS`], which stands
/// for all attributes of the set.
///
/// # Errors
/// [`DataError::UnknownAttribute`] for the first name that is neither in `known` nor a set; it suggests the most similar
/// attribute or set. The same error for the first attribute of a set that is not in `known`.
pub fn select(names: &[impl AsRef<str>], known: &[impl AsRef<str>]) -> Result<Vec<usize>, DataError> {
    let attributes_and_sets: Vec<&str> = known.iter().map(AsRef::as_ref).chain(NAMED_SETS).collect();
    let mut selected = Vec::new();
    for name in names.iter().map(AsRef::as_ref) {
        let at = position(name, &attributes_and_sets)?;
        match named_set(name.trim()).filter(|_| at >= known.len()) {
            None => selected.push(at),
            Some(set) => selected.extend(resolve(&set, known).map_err(|error| match error {
                DataError::UnknownAttribute { name: attribute, .. } => DataError::UnknownAttribute {
                    name: attribute,
                    suggestion: format!("the set '{name}' needs it, and the table has only {}", joined(known)),
                },
                other => other,
            })?),
        }
    }
    Ok(selected)
}

/// Returns the positions in `known` of the attributes in `names`.
///
/// # Errors
/// [`DataError::UnknownAttribute`] for the first name that is not in `known`; it suggests the most similar attribute.
/// [`DataError::RepeatedAttribute`] for an attribute that is named twice.
pub fn resolve(names: &[impl AsRef<str>], known: &[impl AsRef<str>]) -> Result<Vec<usize>, DataError> {
    let positions = names.iter().map(|name| position(name.as_ref(), known)).collect::<Result<Vec<_>, _>>()?;
    refuse_repeated(&positions, known)?;
    Ok(positions)
}

fn refuse_repeated(positions: &[usize], known: &[impl AsRef<str>]) -> Result<(), DataError> {
    let mut seen = HashSet::new();
    match positions.iter().find(|position| !seen.insert(**position)) {
        None => Ok(()),
        Some(position) => Err(DataError::RepeatedAttribute { name: known[*position].as_ref().to_owned() }),
    }
}

/// Returns the position of a name. Blanks around it do not matter, as in `--select "Male, Young"`.
fn position(name: &str, known: &[impl AsRef<str>]) -> Result<usize, DataError> {
    let name = name.trim();
    known.iter().position(|candidate| candidate.as_ref() == name).ok_or_else(|| DataError::UnknownAttribute {
        name: name.to_owned(),
        suggestion: match nearest(name, known) {
            Some(candidate) => format!("did you mean '{candidate}'?"),
            None => format!("the known attributes are {}", joined(known)),
        },
    })
}

/// Returns the name in `known` that is most similar to `name`, or `None` if no name is similar. The similarity is that of Jaro
/// and Winkler. It ignores letter case, and `-`, `_` and the space count as the same character.
pub fn nearest<'a>(name: &str, known: &'a [impl AsRef<str>]) -> Option<&'a str> {
    const LEAST_SIMILARITY: f64 = 0.7;
    let plain = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let wanted = plain(name);
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(&wanted, &plain(candidate.as_ref())), candidate.as_ref()))
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .filter(|(similarity, _)| *similarity >= LEAST_SIMILARITY)
        .map(|(_, candidate)| candidate)
}

fn joined(names: &[impl AsRef<str>]) -> String {
    names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_predicts_37_of_40_attributes_and_clusters_by_ten_of_those() {
        let paper = paper_attributes();
        assert_eq!(paper.len(), 37);
        assert!(CELEBA_ATTRIBUTES.is_sorted());
        assert_eq!(resolve(&CHOSEN_ATTRIBUTES, &paper).unwrap().len(), 10);
    }

    #[test]
    fn a_set_is_selected_by_its_name_and_keeps_its_order() {
        let ten = select(&["paper-ten"], &CELEBA_ATTRIBUTES).unwrap();
        assert_eq!(ten, resolve(&CHOSEN_ATTRIBUTES, &CELEBA_ATTRIBUTES).unwrap());
        assert_eq!(select(&["Pale_Skin", " paper-37"], &CELEBA_ATTRIBUTES).unwrap()[..2], [26, 0]);
        for name in NAMED_SETS {
            assert!(named_set(name).is_some(), "{name}");
        }
        for (name, known, advice) in [
            ("paper-tne", &CELEBA_ATTRIBUTES[..], "did you mean 'paper-ten'?"),
            ("Yuong", &CELEBA_ATTRIBUTES[..], "did you mean 'Young'?"),
            ("paper-ten", &["Male"][..], "'Wearing_Lipstick'; the set 'paper-ten' needs it"),
        ] {
            let message = select(&[name], known).unwrap_err().to_string();
            assert!(message.contains(advice), "{message}");
        }
    }

    #[test]
    fn the_ten_attributes_agree_with_the_fixtures() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/kernels-tests/golden/cluster/manifest.json");
        let manifest: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let params = &manifest["files"]["data.safetensors"]["params"];
        assert_eq!(params["chosen_features"], serde_json::json!(CHOSEN_ATTRIBUTES.as_slice()));
        assert_eq!(params["attributes"], serde_json::json!(paper_attributes()));
    }

    #[test]
    fn the_order_of_the_attributes_agrees_with_the_fixtures() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/kernels-tests/golden/io/celeba_values.json");
        let values: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(values["attributes"], serde_json::json!(CELEBA_ATTRIBUTES.as_slice()));
        assert_eq!(values["dropped_for_37"].as_array().unwrap().len(), DROPPED_ATTRIBUTES.len());
        for name in DROPPED_ATTRIBUTES {
            assert!(values["dropped_for_37"].as_array().unwrap().iter().any(|dropped| dropped == name));
        }
    }

    #[test]
    fn resolves_names_in_the_order_given_and_suggests_the_most_similar() {
        assert_eq!(resolve(&["Young", " Bald "], &CELEBA_ATTRIBUTES).unwrap(), [39, 4]);
        for names in [&["Young", "Bald", "Young"][..], &["Young", " Young"]] {
            let message = resolve(names, &CELEBA_ATTRIBUTES).unwrap_err().to_string();
            assert!(message.contains("'Young' is named twice"), "{message}");
        }
        let cases = [
            ("Yuong", "did you mean 'Young'?"),
            ("smiling", "did you mean 'Smiling'?"),
            ("wearing-hat", "did you mean 'Wearing_Hat'?"),
            ("Moustache", "did you mean 'Mustache'?"),
            ("zzzz", "the known attributes are 5_o_Clock_Shadow, "),
        ];
        for (name, advice) in cases {
            let message = resolve(&["Bald", name], &CELEBA_ATTRIBUTES).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains(advice), "{message}");
        }
    }
}
