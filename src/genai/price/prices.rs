//! The current book, shared by all that price.

use std::sync::{Arc, RwLock};

use super::PriceBook;

/// A handle on the current book.
#[derive(Debug)]
pub struct Prices(RwLock<Arc<PriceBook>>);

// === impl Prices ===

impl Prices {
    /// A handle on `book`.
    pub fn new(book: PriceBook) -> Self {
        Self(RwLock::new(Arc::new(book)))
    }

    /// The current book.
    pub fn current(&self) -> Arc<PriceBook> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}
