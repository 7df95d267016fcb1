//! What commands show alike: what a span says of models ([`told`]), a session's spans ([`row`]) as a tree ([`tree`]),
//! colours and numbers as people read them ([`paint`]).

pub(in crate::cli) mod paint;
pub(in crate::cli) mod row;
pub(in crate::cli) mod told;
pub(in crate::cli) mod tree;
