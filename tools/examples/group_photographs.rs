//! Makes photographs with several faces, to try `lineament predict --faces all` on: the bundled portraits, turned, enlarged or
//! shrunk, and pasted at random on bundled photographs. Run it from the root of the repository:
//!
//!     cargo run --release --example group_photographs -- FOLDER

mod compose;

use std::path::PathBuf;

use compose::{Numbers, compose, portraits, write};

/// Number of portraits on a photograph, and how they are arranged.
const PORTRAITS: usize = 6;
const CELLS: [u32; 2] = [3, 2];
/// Width and height of a photograph.
const SIZE: [u32; 2] = [1800, 1200];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: group_photographs FOLDER")?);
    std::fs::create_dir_all(&folder)?;
    let mut numbers = Numbers::new(1);
    for (index, names) in portraits().chunks(PORTRAITS).enumerate() {
        let (photograph, _) = compose(names, SIZE, CELLS, &mut numbers);
        let path = write(&photograph, &folder, &format!("{index:02}.jpg"));
        println!("{}", path.display());
    }
    Ok(())
}
