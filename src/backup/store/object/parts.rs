//! The sizes of the parts of a multipart upload. The first parts are small, so that a small backup needs little
//! memory; later parts are larger, so that a large backup does not need too many. Pure.

/// The largest number of parts in S3; other stores take more.
pub(super) const MOST: usize = 10_000;
/// The largest size of all parts in memory, in bytes: all of trueup may use 64 MB.
pub(super) const IN_MEMORY: usize = 24 << 20;

/// The size of a part by its number, from 0. The first 8 GB are in parts of one size, which some stores require; all
/// parts together hold 226 GB.
pub(super) const fn size(number: usize) -> usize {
    match number {
        ..1000 => 8 << 20,
        1000..2000 => 16 << 20,
        _ => IN_MEMORY,
    }
}

/// Whether the next part may be filled while this one is being sent.
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
            // S3 refuses parts below 5 MiB, except the last one.
            assert!(size(number) >= 5 << 20);
            let together =
                if beside_the_next(number) { size(number) + size(number + 1) } else { size(number) };
            assert!(together <= IN_MEMORY, "{number}");
        }
    }
}
