//! Facts are read of every span that comes in: that must not allocate.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod allocations;
mod otlp_common;

use allocations::ALLOCATIONS;
use tailsieve::genai::conventions::Conventions;
use tailsieve::genai::fact_keys::FactKeys;
use tailsieve::otlp::keys::KeyTable;
use tailsieve::otlp::walk::walk;

#[test]
fn reading_facts_of_all_recordings_allocates_nothing() {
    let mut keys = KeyTable::default();
    let facts = FactKeys::compile(&Conventions::embedded(), &mut keys);
    let recordings = otlp_common::recordings();
    let (mut spans, mut told, mut allocations, mut briefs) = (0_u32, 0_u32, 0, 0_u64);
    for (_, request) in &recordings {
        walk(request, &keys, |visit| {
            let before = ALLOCATIONS.get();
            let facts = facts.facts(visit);
            briefs ^= facts.map_or(0, |facts| facts.call().response_id);
            allocations += ALLOCATIONS.get() - before;
            spans += 1;
            told += u32::from(facts.is_some());
        })
        .unwrap();
    }
    assert!(spans > 1000 && told > 800 && briefs != 0, "{spans} {told}");
    assert_eq!(allocations, 0);
}
