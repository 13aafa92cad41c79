//! lezai-engine
