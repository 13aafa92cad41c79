//! lezai-policy
