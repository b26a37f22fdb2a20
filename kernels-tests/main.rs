mod fixture;
mod golden_io;

fn main() {
    let folder = std::env::args().nth(1).unwrap_or_default();
    for result in golden_io::run(std::path::Path::new(&folder)) {
        println!("{result:?}");
    }
}
