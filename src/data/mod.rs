//! Reading what users bring: images, label lists and attribute tables.
