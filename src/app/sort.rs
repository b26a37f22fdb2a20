//! Sorts photographs into a folder for each cluster.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::context::Context;
use super::error::Error;
use crate::data::{ImageSource, write_new};
use crate::report::{ClusteredPhotograph, clustered_photographs};

/// How photographs get into the folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// As copies.
    Copy,
    /// As hard links, which take no space. Photographs in archives are copied.
    Link,
}

/// What became of the photographs of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sorted {
    /// Number of photographs that were placed now.
    pub placed: usize,
    /// Number of photographs that were there already, with the same content.
    pub present: usize,
    /// The folders that hold photographs.
    pub folders: BTreeSet<PathBuf>,
    /// The photographs that were not found or cannot be read, each with the reason.
    pub missing: Vec<String>,
}

/// Puts the photographs of a clustered run into the folders `cluster-0`, `cluster-1`, … and `noise` below `into`. A photograph
/// with faces in several clusters is in several folders. Nothing is overwritten: if a folder holds another file of the same name,
/// a number is added to the name.
///
/// Photographs are looked for where `attributes.csv` says, and in the folder `images`.
///
/// # Errors
/// The run has no attributes or no clusters, they do not belong together, a folder cannot be written, or the context is
/// cancelled.
pub fn sort_photographs(
    (run, images): (&Path, Option<&Path>),
    into: &Path,
    placement: Placement,
    context: &Context,
) -> Result<Sorted, Error> {
    let photographs = clustered_photographs(run, images)?;
    context.start("", "photographs", photographs.len());
    let (mut sorted, mut seen) = (Sorted::default(), BTreeSet::new());
    for (index, ClusteredPhotograph { name, cluster, photograph }) in photographs.into_iter().enumerate() {
        context.check("sorting")?;
        let folder = into.join(cluster.map_or("noise".into(), |cluster| format!("cluster-{cluster}")));
        // Several faces of a photograph may be in one cluster.
        if seen.insert((name.clone(), cluster)) {
            match photograph {
                Ok(source) => place(&source, &folder, placement, &mut sorted)?,
                Err(reason) => sorted.missing.push(format!("{name}: {reason}")),
            }
        }
        context.advance(index + 1);
    }
    context.finish();
    Ok(sorted)
}

/// Puts a photograph into a folder.
fn place(source: &ImageSource, folder: &Path, placement: Placement, sorted: &mut Sorted) -> Result<(), Error> {
    let bytes = match source.bytes() {
        Ok(bytes) => bytes,
        Err(error) => {
            sorted.missing.push(error.to_string());
            return Ok(());
        }
    };
    fs::create_dir_all(folder).map_err(|source| Error::Folder { path: folder.to_path_buf(), source })?;
    let label = source.label();
    let mut number = 1;
    let path = loop {
        let path = folder.join(numbered(&label, number));
        if path.symlink_metadata().is_err() {
            break path;
        }
        // This never opens a pipe, which would wait for a writer.
        if ImageSource::File(path).bytes().is_ok_and(|there| there == bytes) {
            sorted.present += 1;
            sorted.folders.insert(folder.to_path_buf());
            return Ok(());
        }
        number += 1;
    };
    match (placement, source) {
        (Placement::Link, ImageSource::File(file)) => fs::hard_link(file, &path).map_err(|error| {
            let source =
                std::io::Error::new(error.kind(), format!("{} cannot be linked ({error}); copy instead", file.display()));
            Error::File { path, source }
        })?,
        _ => write_new(&path, &bytes)?,
    }
    sorted.placed += 1;
    sorted.folders.insert(folder.to_path_buf());
    Ok(())
}

/// Returns the file name of a photograph, with a number before its ending unless the number is 1.
fn numbered(label: &Path, number: usize) -> PathBuf {
    let name = label.file_name().unwrap_or(label.as_os_str());
    if number == 1 {
        return name.into();
    }
    let mut new = Path::new(name).file_stem().unwrap_or(name).to_os_string();
    new.push(format!(" ({number})"));
    if let Some(ending) = Path::new(name).extension() {
        new.push(".");
        new.push(ending);
    }
    new.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photographs_are_sorted_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let (run, into) = (folder.path().join("run"), folder.path().join("sorted"));
        for name in ["run/a", "run/b"] {
            fs::create_dir_all(folder.path().join(name)).expect("a folder");
        }
        // Two photographs have the same name and different contents; the first shows two faces of one cluster.
        fs::write(run.join("a/x.jpg"), "first").expect("a file");
        fs::write(run.join("b/x.jpg"), "second").expect("a file");
        let header = "image,face,box,score,Male\n";
        let row = |image: &str, face: u32| format!("{image},{face},1 1 9 9,0.9,1\n");
        let rows = [row("a/x.jpg", 0), row("a/x.jpg", 1), row("b/x.jpg", 0), row("c/lost.jpg", 0)].concat();
        fs::write(run.join("attributes.csv"), format!("{header}{rows}")).expect("a file");
        let clusters = r#"{"method":"kmeans","k":1,"silhouette":null,"inertia":0,"labels":[0,0,0,-1],"sizes":[3]}"#;
        fs::write(run.join("clusters.json"), clusters).expect("a file");
        let sort = |placement| sort_photographs((&run, None), &into, placement, &Context::default()).expect("sorted photographs");
        let sorted = sort(Placement::Copy);
        assert_eq!((sorted.placed, sorted.present, sorted.missing.len()), (2, 0, 1), "{sorted:?}");
        assert!(sorted.missing[0].starts_with("c/lost.jpg: not found"), "{sorted:?}");
        let read = |name: &str| fs::read_to_string(into.join(name)).expect("a photograph");
        assert_eq!([read("cluster-0/x.jpg"), read("cluster-0/x (2).jpg")], ["first", "second"]);
        // Sorting again changes nothing, whatever the placement.
        let again = sort(Placement::Link);
        assert_eq!((again.placed, again.present), (0, 2));
        fs::remove_file(into.join("cluster-0/x.jpg")).expect("a removed file");
        assert_eq!((sort(Placement::Link).placed, read("cluster-0/x.jpg").as_str()), (1, "first"));
    }
}
