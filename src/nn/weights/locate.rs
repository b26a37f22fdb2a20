//! Finds weights files by name in the folders where they may be installed.

use std::path::{Path, PathBuf};

use super::error::WeightsError;

/// The environment variable that names the first folder to search for weights.
pub const WEIGHTS_VARIABLE: &str = "LINEAMENT_WEIGHTS";

/// File name of the shipped attribute model.
pub const CELEBA_MODEL: &str = "mobilenet_v2_celeba.safetensors";

/// File name of the ImageNet weights that training starts from.
pub const IMAGENET_MODEL: &str = "mobilenet_v2_imagenet.safetensors";

/// File name of the face detector.
pub const FACE_DETECTOR: &str = "face_detector.safetensors";

/// Remedy for a model that is not found.
const NAME_A_MODEL: &str = "name the file with --model or --weights, or the folder that holds it with LINEAMENT_WEIGHTS";

/// Remedy for a backbone that is not found.
const NAME_A_BACKBONE: &str = "name the file with --backbone, or the folder that holds it with LINEAMENT_WEIGHTS";

/// Returns the path of the model with the file name `name`.
///
/// It searches these folders in order: the one that the environment variable LINEAMENT_WEIGHTS names; `./weights`;
/// `../share/lineament`, relative to the program's folder; `lineament` in the user's data folder; `weights` in the source tree
/// that the program was built from.
///
/// # Errors
/// Returns [`WeightsError::NotFound`], which lists the paths tried, if no folder has the file.
pub fn find_weights(name: &str) -> Result<PathBuf, WeightsError> {
    first_file(name, folders(), NAME_A_MODEL)
}

/// Returns the path of a head's backbone with the file name `name`. It searches the head's own folder first, then those of
/// [`find_weights`].
///
/// # Errors
/// Returns [`WeightsError::NotFound`], which lists the paths tried, if no folder has the file.
pub fn find_backbone(name: &str, head: &Path) -> Result<PathBuf, WeightsError> {
    let folder = head.parent().unwrap_or(Path::new("")).to_path_buf();
    first_file(name, std::iter::once(folder).chain(folders()).collect(), NAME_A_BACKBONE)
}

/// Returns the first existing file called `name` in the given folders.
fn first_file(name: &str, folders: Vec<PathBuf>, remedy: &'static str) -> Result<PathBuf, WeightsError> {
    let tried: Vec<PathBuf> = folders.into_iter().map(|folder| folder.join(name)).collect();
    match tried.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => Err(WeightsError::NotFound { name: name.to_string(), tried, remedy }),
    }
}

/// Returns the folders to search for weights, in order.
fn folders() -> Vec<PathBuf> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let share = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.parent()?.join("share/lineament")));
    let data = if cfg!(windows) {
        named("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        named("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        named("XDG_DATA_HOME").or_else(|| named("HOME").map(|home| home.join(".local/share")))
    };
    let source_tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights");
    let places = [
        named(WEIGHTS_VARIABLE),
        Some(PathBuf::from("weights")),
        share,
        data.map(|data| data.join("lineament")),
        Some(source_tree),
    ];
    places.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_models_are_found_and_an_error_lists_the_paths_tried() {
        assert!(find_weights(CELEBA_MODEL).expect("the shipped model").ends_with(CELEBA_MODEL));
        let message = find_weights("no_such_model.safetensors").expect_err("no file").to_string();
        for part in ["no_such_model.safetensors", "weights/", "share/lineament", WEIGHTS_VARIABLE, "--model"] {
            assert!(message.contains(part), "{message:?} lacks {part:?}");
        }
    }

    #[test]
    fn a_backbone_in_the_heads_folder_is_preferred() {
        let folder = tempfile::tempdir().expect("a folder");
        let head = folder.path().join("head.safetensors");
        let message = find_backbone("no_such_backbone.safetensors", &head).expect_err("no file").to_string();
        assert!(message.contains("--backbone") && message.contains(&folder.path().display().to_string()), "{message}");
        let backbone = folder.path().join(CELEBA_MODEL);
        std::fs::write(&backbone, b"").expect("a file");
        assert_eq!(find_backbone(CELEBA_MODEL, &head).expect("the file in the head's folder"), backbone);
        assert!(find_backbone(IMAGENET_MODEL, &head).expect("the shipped backbone").ends_with(IMAGENET_MODEL));
    }
}
