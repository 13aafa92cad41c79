//! lezai-plugin
