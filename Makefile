# The ways into this repository. `make demo` and `make test` need a Rust toolchain and nothing else: what is missing
# of PostgreSQL is installed or downloaded first, and said.
.POSIX:
.PHONY: help demo test lint audit matrix bench

help: ## what there is
	@sed -n 's/^\([a-z]*\):.* ## /\1\t/p' Makefile | expand -t 10

demo: ## the whole story on a throwaway server: from broken to explained
	@bin=$$(scripts/postgres) && cargo build --quiet --locked && \
		TRUEUP_PG_BIN=$$bin cargo run --quiet --locked -- demo

test: ## all tests but the version matrix and the benchmarks
	@bin=$$(scripts/postgres) && { scripts/pgbouncer >/dev/null || true; scripts/faketime >/dev/null || true; } && \
		tools=$$(scripts/tools || true) && TRUEUP_PG_BIN=$$bin TRUEUP_TOOLS=$$tools \
		RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$(($$(getconf _NPROCESSORS_ONLN) * 2))} cargo test --locked --no-fail-fast

lint: ## formatting, clippy with warnings denied, licences and sources
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --test matrix -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny --all-features check bans licenses sources; \
		else echo "cargo-deny is not installed: licences and sources are not checked" >&2; fi

audit: ## known advisories about the dependencies (needs cargo-deny and the network)
	cargo deny --all-features check advisories

matrix: ## the cases on every supported major, 14 to 18 (TRUEUP_MATRIX=brief: those that tell most, in a minute)
	@for major in 14 15 16 17 18; do scripts/postgres $$major >/dev/null || exit 1; done
	cargo test --locked --test matrix -- --test-threads=1 --nocapture

bench: ## check, upgrade, status, backup and lint beside pg_dump, psql and squawk
	@bin=$$(scripts/postgres) && squawk=$$(scripts/squawk || true) && \
		TRUEUP_PG_BIN=$$bin TRUEUP_SQUAWK=$$squawk cargo bench --locked
