//! Sessions into verdicts. One random number decides: every rule that matches asks for a probability, the highest wins,
//! and the session is kept when its randomness passes the threshold of it.

pub mod rules;

#[cfg(test)]
mod tests;

pub use rules::Rules;
