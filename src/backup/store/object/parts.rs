//! How large the parts of an upload are (pure): small at first, so that a small backup needs little memory, larger later,
//! so that a large one does not need more parts than a store takes.

/// What S3 takes at the most; the others take more.
pub(super) const MOST: usize = 10_000;
/// What all parts that are in memory may have together: 64 MB is the limit for all of trueup.
pub(super) const IN_MEMORY: usize = 24 << 20;

/// The size of a part by its number, from 0: 8 GB in parts of one size, which some stores insist on, and 226 GB in all.
pub(super) const fn size(number: usize) -> usize {
    match number {
        ..1000 => 8 << 20,
        1000..2000 => 16 << 20,
        _ => IN_MEMORY,
    }
}

/// Whether the next part may be gathered while this one is still under way.
pub(super) const fn beside_the_next(number: usize) -> bool {
    size(number) + size(number + 1) <= IN_MEMORY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_together_carry_hundreds_of_gigabytes() {
        let bytes: usize = (0..MOST).map(size).sum();
        assert!(bytes >> 30 >= 200, "{} GiB", bytes >> 30);
    }

    #[test]
    fn parts_in_memory_never_exceed_the_bound() {
        for number in 0..MOST {
            assert!(size(number) <= size(number + 1));
            // S3 takes no part below 5 MiB but the last one.
            assert!(size(number) >= 5 << 20);
            let together =
                if beside_the_next(number) { size(number) + size(number + 1) } else { size(number) };
            assert!(together <= IN_MEMORY, "{number}");
        }
    }
}
