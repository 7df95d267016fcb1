//! What GenAI instrumentations write: one span in, what it says out; the records of a session in, its calls and sums out.
//!
//! 1. [`vocabulary`]: the words of the field.
//! 2. [`conventions`]: where instrumentations write what, read from `config/conventions.yaml` or the user's file.
//! 3. [`extract`]: the table compiled; what one span says.
//! 4. [`usage`]: from what a span says to what it costs.
//! 5. [`calls`]: the records of a session, each call counted and billed once.

pub mod calls;
pub mod conventions;
pub mod extract;
pub mod usage;
pub mod vocabulary;

mod keyword_map;
