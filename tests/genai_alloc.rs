//! Every span that comes in is read into its record: that must not allocate.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod allocations;
mod otlp_common;

use allocations::ALLOCATIONS;
use tailsieve::config::Sessions;
use tailsieve::genai::calls::CallReader;
use tailsieve::genai::conventions::Conventions;
use tailsieve::intern::{Kind, Name};
use tailsieve::otlp::keys::KeyTable;
use tailsieve::otlp::walk::walk;
use tailsieve::pricing::PriceBook;

#[test]
fn reading_the_records_of_all_recordings_allocates_nothing_once_their_names_are_known() {
    let mut keys = KeyTable::default();
    let reader = CallReader::compile(&Conventions::embedded(), &Sessions::default(), &mut keys);
    let book = PriceBook::load(&[]).unwrap();
    let recordings = otlp_common::recordings();
    let read = || {
        let (mut spans, mut records, mut allocations) = (0_u32, 0_u32, 0);
        for (_, request) in &recordings {
            walk(request, &keys, |visit| {
                let before = ALLOCATIONS.get();
                let call = reader.read(visit, Name::new(Kind::Scope, visit.scope.name), &book).call;
                allocations += ALLOCATIONS.get() - before;
                spans += 1;
                records += u32::from(call.is_some());
            })
            .unwrap();
        }
        (spans, records, allocations)
    };
    let (first, again) = (read(), read());
    assert!(first.0 > 1000 && first.1 > 800, "{first:?}");
    assert_eq!(again, (first.0, first.1, 0));
}
