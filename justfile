# What CI runs.
check:
    .ci/run

# The tests alone.
test:
    cargo test --workspace

# Writes the page of all commands from their help texts, and the snapshots of answers.
reference:
    MLCTL_WRITE_REFERENCE=1 cargo test --workspace --bin mlctl reference
    MLCTL_WRITE_REFERENCE=1 cargo test --workspace --test e2e snapshots

# The binary as it is shipped (slow to build, small and fast), and its archive with man pages,
# completions, a list of all crates (SBOM) and a checksum, in target/archive.
dist:
    cargo build --profile dist --locked -p mlctl
    packaging/archive target/dist/mlctl target/archive

# The Python wheel with that binary, in target/wheels.
wheel:
    .ci/wheel

# All benchmarks; see docs/benchmarks.md.
bench:
    cargo build --release -p mlctl
    cargo run --release -p mlctl-benches -- all
