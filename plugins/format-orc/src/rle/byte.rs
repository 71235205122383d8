//! Bytes: runs of 3 to 130 equal ones, and up to 128 that differ ("Byte Run Length
//! Encoding").

/// Most bytes of a run.
const LONGEST: usize = 130;
/// Most bytes of a list.
const LIST: usize = 128;

/// Appends the encoded bytes.
pub(crate) fn encode(values: &[u8], out: &mut Vec<u8>) {
    let mut listed = 0;
    let mut at = 0;
    while at < values.len() {
        let run = run(&values[at..]);
        if run < 3 {
            at += run;
            continue;
        }
        list(&values[listed..at], out);
        // The length less three, then the byte.
        out.extend_from_slice(&[(run - 3) as u8, values[at]]);
        at += run;
        listed = at;
    }
    list(&values[listed..], out);
}

/// How often the first one is there, one after the other.
fn run(values: &[u8]) -> usize {
    let end = values.len().min(LONGEST);
    values[..end].iter().position(|value| *value != values[0]).unwrap_or(end)
}

fn list(values: &[u8], out: &mut Vec<u8>) {
    for part in values.chunks(LIST) {
        // The length, negative.
        out.push((part.len() as u8).wrapping_neg());
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(values: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(values, &mut out);
        out
    }

    fn decoded(mut bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        while let [head, rest @ ..] = bytes {
            let head = *head as i8;
            if head >= 0 {
                out.extend(std::iter::repeat_n(rest[0], head as usize + 3));
                bytes = &rest[1..];
            } else {
                let len = usize::from(head.unsigned_abs());
                out.extend_from_slice(&rest[..len]);
                bytes = &rest[len..];
            }
        }
        out
    }

    #[test]
    fn as_in_the_specification() {
        assert_eq!(encoded(&[0; 100]), [0x61, 0x00]);
        assert_eq!(encoded(&[0x44, 0x45]), [0xfe, 0x44, 0x45]);
        assert!(encoded(&[]).is_empty());
    }

    #[test]
    fn comes_back() {
        proptest::proptest!(|(runs in proptest::collection::vec((0u8..4, 1usize..200), 0..20))| {
            let values: Vec<u8> =
                runs.iter().flat_map(|(v, n)| std::iter::repeat_n(*v, if *n > 140 { *n } else { n % 4 + 1 })).collect();
            proptest::prop_assert_eq!(decoded(&encoded(&values)), values);
        });
    }
}
