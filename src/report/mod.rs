//! The HTML report of a run: contact sheets, charts and mean faces in one self-contained file.
