use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::pricing::{Status, Tokens, Usage};

/// A directory with files of prices.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a file, and gives it a time of its own: clocks of file systems are coarse.
    fn put(&self, name: &str, text: &str, at: u64) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + at);
        fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        path
    }

    fn named(&self, name: &str, line: usize) -> Sourced {
        let text = self.0.path().join(name).display().to_string();
        Sourced { text, file: "t.yaml".into(), line, column: 5 }
    }

    fn config(&self, books: &[&str], overrides: Option<&str>) -> config::Prices {
        config::Prices {
            books: books.iter().enumerate().map(|(at, name)| self.named(name, 3 + at)).collect(),
            overrides: overrides.map(|name| self.named(name, 9)),
            ..config::Prices::default()
        }
    }

    /// What is said of a configuration, without the name of the directory.
    fn wrong(&self, config: &config::Prices) -> String {
        let directory = format!("{}/", self.0.path().display());
        let problems = Prices::check(config).to_string();
        assert_eq!(Prices::open(config).unwrap_err().to_string(), problems);
        problems.replace(&directory, "")
    }
}

fn book(price: &str, rows: usize) -> String {
    let row = |n| format!("\"m{n}\": {{\"litellm_provider\": \"openai\", \"input_cost_per_token\": {price}}}");
    format!("{{{}}}", (0..rows).map(row).collect::<Vec<_>>().join(","))
}

/// What a million tokens cost now.
fn cost(prices: &Prices) -> String {
    let tokens = Some(Tokens { input_uncached: 1_000_000, ..Tokens::default() });
    let usage = Usage { provider: "openai", response_model: "m0", tokens, ..Usage::default() };
    let book = prices.current();
    let priced = book.price(&usage);
    assert_eq!(priced.status, Status::Ok);
    priced.cost.unwrap().total.to_string()
}

const OWN: &str = "models: [{provider: openai, model: m0, input_cost_per_token: 9e-6}]";

#[test]
fn files_that_change_are_taken_and_others_are_not_read_again() {
    let files = Files::new();
    files.put("book.json", &book("1e-6", 10), 0);
    let prices = Prices::open(&files.config(&["book.json"], None)).unwrap();
    assert!(prices.has_files() && matches!(prices.reload(false), Reload::Same));
    files.put("book.json", &book("2e-6", 10), 1);
    assert_eq!(cost(&prices), "1");
    assert!(matches!(prices.reload(false), Reload::Taken(_)) && matches!(prices.reload(false), Reload::Same));
    assert_eq!((cost(&prices), prices.reloads()), ("2".into(), (1, 0)));
    // Touched, and the same; the same time, and longer; neither, and asked for.
    files.put("book.json", &book("2e-6", 10), 2);
    assert!(matches!(prices.reload(false), Reload::Same));
    files.put("book.json", &book("3e-6", 11), 2);
    assert!(matches!(prices.reload(false), Reload::Taken(_)));
    files.put("book.json", &book("4e-6", 11), 2);
    assert!(matches!(prices.reload(false), Reload::Same) && matches!(prices.reload(true), Reload::Taken(_)));
    assert_eq!((cost(&prices), prices.reloads()), ("4".into(), (3, 0)));
}

#[test]
fn files_that_became_something_else_are_refused_once_and_the_old_prices_stay() {
    let files = Files::new();
    files.put("book.json", &book("1e-6", 10), 0);
    let prices = Prices::open(&files.config(&["book.json"], None)).unwrap();
    let whole = book("2e-6", 10);
    let cut = &whole[..whole.len() / 2];
    let cases =
        [(cut, "is not JSON"), (&book("2e-6", 4), "less than 50 %"), ("", "is empty"), (OWN, "is no price book")];
    for (at, (text, wanted)) in cases.into_iter().enumerate() {
        files.put("book.json", text, 1 + at as u64);
        let Reload::Refused(problems) = prices.reload(false) else { panic!("{text}") };
        let said = problems.to_string();
        assert!(said.contains("book.json: ") && said.contains(wanted), "{said}");
        assert!(matches!(prices.reload(false), Reload::Same), "refused once");
        assert_eq!((cost(&prices), prices.reloads()), ("1".into(), (0, 1 + at as u64)));
    }
    fs::remove_file(files.0.path().join("book.json")).unwrap();
    assert!(matches!(prices.reload(false), Reload::Refused(_)) && matches!(prices.reload(false), Reload::Same));
    files.put("book.json", &whole, 9);
    assert!(matches!(prices.reload(false), Reload::Taken(_)));
    assert_eq!(cost(&prices), "2");
}

#[test]
fn own_prices_go_before_the_embedded_books_and_may_not_turn_into_a_book() {
    let files = Files::new();
    files.put("own.yaml", OWN, 0);
    let prices = Prices::open(&files.config(&[], Some("own.yaml"))).unwrap();
    let named = |prices: &Prices| prices.current().editions().iter().map(|it| it.name().to_owned()).collect::<Vec<_>>();
    assert_eq!((cost(&prices), named(&prices)), ("9".into(), vec!["embedded litellm".into(), "embedded genai".into()]));
    files.put("own.yaml", &OWN.replace('9', "8"), 1);
    assert!(matches!(prices.reload(false), Reload::Taken(_)));
    files.put("own.yaml", &book("1e-6", 10), 2);
    let Reload::Refused(problems) = prices.reload(false) else { panic!() };
    assert!(problems.to_string().ends_with("own.yaml: has own prices no more; the old prices stay"), "{problems}");
    assert_eq!(cost(&prices), "8");
}

#[test]
fn own_prices_that_have_shrunk_are_refused_and_while_one_file_is_bad_no_other_is_taken() {
    let own = |entries: usize, price: &str| {
        let model = |n| format!("  - {{provider: openai, model: m{n}, input_cost_per_token: {price}}}\n");
        let span = "spans:\n  - {name: x, span: x, per_call: 1}\n";
        format!("models:\n{}{span}", (0..entries - 1).map(model).collect::<String>())
    };
    let files = Files::new();
    files.put("book.json", &book("1e-6", 10), 0);
    files.put("own.yaml", &own(10, "9e-6"), 0);
    let prices = Prices::open(&files.config(&["book.json"], Some("own.yaml"))).unwrap();
    // Cut off at the end of a line it is YAML all the same.
    let whole = own(10, "8e-6");
    let cut: String = whole.split_inclusive('\n').take(5).collect();
    files.put("own.yaml", &cut, 1);
    files.put("book.json", &book("2e-6", 10), 1);
    let Reload::Refused(problems) = prices.reload(false) else { panic!() };
    let problems = problems.to_string();
    assert!(problems.ends_with("own.yaml: has 4 prices, it had 10; less than 50 % is refused, the old ones stay"));
    let version = |prices: &Prices| prices.current().editions()[0].version().to_owned();
    let before = version(&prices);
    assert_eq!((cost(&prices), prices.reloads()), ("9".into(), (0, 1)));
    files.put("own.yaml", &own(5, "8e-6"), 2);
    assert!(matches!(prices.reload(false), Reload::Taken(_)));
    assert_eq!(cost(&prices), "8");
    assert_ne!(version(&prices), before, "the other file is taken with it");
}

#[test]
fn what_is_wrong_with_a_file_is_said_in_it_and_of_a_whole_file_where_it_is_named() {
    let files = Files::new();
    files.put("book.json", &book("1e-6", 1), 0);
    files.put("own.yaml", "models:\n  - {provider: openai, model: m0, input_cost_per_tokens: 9e-6}\n", 0);
    files.put("cut.json", &book("1e-6", 2)[..40], 0);
    let wrong = files.wrong(&files.config(&["bok.json", "cut.json"], Some("own.yaml")));
    let lines: Vec<_> = wrong.lines().collect();
    assert_eq!(
        lines,
        [
            "own.yaml:2:35: models[0].input_cost_per_tokens: unknown key, did you mean \"input_cost_per_token\"?",
            "t.yaml:3:5: prices.books[0]: \"bok.json\" cannot be read: No such file or directory (os error 2)",
            "t.yaml:4:5: prices.books[1]: \"cut.json\" is not JSON: EOF while parsing a string at line 1 column 40",
        ]
    );
    files.put("own.yaml", OWN, 0);
    assert_eq!(
        files.wrong(&files.config(&["book.json", "own.yaml"], None)),
        "t.yaml:4:5: prices.books[1]: \"own.yaml\" has own prices, name it in prices.overrides"
    );
    assert_eq!(
        files.wrong(&files.config(&[], Some("book.json"))),
        "t.yaml:9:5: prices.overrides: \"book.json\" is a price book, name it in prices.books"
    );
    assert!(Prices::check(&files.config(&["book.json"], Some("own.yaml"))).is_empty());
    assert!(Prices::check(&config::Prices::default()).is_empty());
}
