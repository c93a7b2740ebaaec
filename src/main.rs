//! The `mirrorlistd` program.

fn main() -> std::process::ExitCode {
    mirrorlistd::cli::main()
}
