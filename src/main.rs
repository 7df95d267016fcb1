//! Parses the command line and hands over; nothing else.

use std::process::ExitCode;

/// Threads allocate and free without waiting for each other, and free memory goes back to the system.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tailsieve::cli::main(std::env::args_os())
}
