//! The sums of sessions are never above their ceilings.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::expr::fields::{Needs, SESSION};
use crate::expr::{IdText, Value};
use crate::genai::account::Ceiling;
use crate::pricing::{BookFile, Source};

/// Rules that ask for every ceiling, whatever it is.
fn of_every_ceiling() -> Asks {
    let mut asks = Asks::default();
    Ceiling::ALL.into_iter().for_each(|ceiling| asks.from(ceiling, 0.0));
    asks
}

/// What a scenario's spans come to as sessions; with `id` on every resource as one session.
fn sessions(scenario: &Path, id: Option<&str>, prices: &Arc<Prices>, config: &config::Sessions) -> Vec<Session> {
    let log = Log::with_segments(256 << 20, 1 << 20, 4);
    let mut world = World::pricing(prices.clone(), of_every_ceiling(), 1, config, log);
    let mut files: Vec<PathBuf> = fs::read_dir(scenario).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "binpb")) {
        let mut request = ExportTraceServiceRequest::decode(fs::read(file).unwrap().as_slice()).unwrap();
        for resource in request.resource_spans.iter_mut().filter_map(|spans| spans.resource.as_mut()) {
            let value = |id: &str| AnyValue { value: Some(any_value::Value::StringValue(id.into())) };
            let named =
                id.map(|id| KeyValue { key: "session.id".into(), value: Some(value(id)), ..Default::default() });
            resource.attributes.extend(named);
        }
        world.put(&request);
        world.pump();
    }
    world.leap(3600);
    world.sessions()
}

fn scenarios() -> Vec<PathBuf> {
    let folders =
        |of: PathBuf| fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    folders(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings")).flat_map(folders).collect()
}

#[test]
fn no_sum_of_a_recorded_session_is_above_its_ceiling() {
    let irreversible = vec!["get_*".to_owned(), "search".to_owned(), "*_db".to_owned()];
    let config = config::Sessions { irreversible_tools: irreversible, ..config::Sessions::default() };
    let books = [BookFile::Embedded(Source::Litellm)];
    let prices = Arc::new(Prices::new(PriceBook::load(&books).unwrap()));
    // Of each ceiling: sums that reached it, and sums below it.
    let mut seen = [(0, 0); Ceiling::COUNT];
    let scenarios = scenarios();
    assert!(scenarios.len() > 200, "{}", scenarios.len());
    for (scenario, id) in scenarios.iter().flat_map(|scenario| [(scenario, None), (scenario, Some("one"))]) {
        for session in sessions(scenario, id, &prices, &config) {
            assert!(session.sums.is_some());
            for field in SESSION {
                let Needs::Calls(Some(ceiling)) = field.needs else { continue };
                let sum = match (field.read)(&session, &IdText::default()) {
                    Value::Int(number) => number as f64,
                    Value::Double(number) => number,
                    Value::Absent => 0.0,
                    other => panic!("{}: {other:?}", field.name),
                };
                let most = session.account.ceilings.of(ceiling);
                assert!(sum <= most, "{}: {} is {sum}, above {most}", scenario.display(), field.name);
                let seen = &mut seen[ceiling as usize];
                *seen = (seen.0 + u32::from(sum > 0.0), seen.1 + u32::from(most == 0.0));
            }
            let ended = session.account.ceilings.of(Ceiling::Failed) == 0.0;
            assert!(!(ended && session.sums().last_call_failed), "{}", scenario.display());
        }
    }
    // A ceiling that is never there or always there would tell nothing.
    for (ceiling, (reached, none)) in Ceiling::ALL.into_iter().zip(seen) {
        let nowhere = [Ceiling::RateLimited, Ceiling::ContextFill, Ceiling::Irreversible].contains(&ceiling);
        assert!(none > 0 && (reached > 0 || nowhere), "{ceiling:?}: {reached} {none}");
    }
}
