//! The executor as a program of its own, for executor images.

fn main() -> std::process::ExitCode {
    argo_exec::main(std::env::args_os())
}
