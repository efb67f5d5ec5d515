# What CI runs.
check:
    .ci/run

# The tests alone.
test:
    cargo test --workspace

# The binary as it is shipped: slow to build, small and fast.
dist:
    cargo build --profile dist -p mlctl

# All benchmarks; see docs/benchmarks.md.
bench:
    cargo build --release -p mlctl
    cargo run --release -p mlctl-benches -- all
