//! A published tree of finished lists, as plain data.
pub(crate) fn _x() {}
