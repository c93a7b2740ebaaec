//! `Text`: OpenMetrics text while it grows.
//!
//! Lives here: the form of OpenMetrics 1.0.0, and escaping. Not here: which families there are.

use std::io::Write;

/// The text. Writing into a vector cannot fail.
pub struct Text<'a> {
    out: &'a mut Vec<u8>,
}

/// Labels of a sample: names and values.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

impl Text<'_> {
    /// Appends to `out`.
    pub fn new(out: &mut Vec<u8>) -> Text<'_> {
        Text { out }
    }

    /// Begins a family: its samples have to follow at once.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.out, "# TYPE {name} {kind}\n# HELP {name} {help}");
    }

    /// Adds a sample.
    pub fn sample(&mut self, name: &str, labels: Labels<'_>, value: u64) {
        self.out.extend_from_slice(name.as_bytes());
        for (position, (label, text)) in labels.iter().enumerate() {
            let opening = if position == 0 { '{' } else { ',' };
            let _ = write!(self.out, "{opening}{label}=\"");
            self.escaped(text);
            self.out.push(b'"');
        }
        let closing = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.out, "{closing} {value}");
    }

    /// A value of a label as its quotes want it.
    fn escaped(&mut self, text: &str) {
        for &byte in text.as_bytes() {
            match byte {
                b'"' | b'\\' => self.out.extend_from_slice(&[b'\\', byte]),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                _ => self.out.push(byte),
            }
        }
    }

    /// A counter without labels.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.sample(&format!("{name}_total"), &[], value);
    }

    /// A gauge without labels.
    pub fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    /// Ends the text.
    pub fn end(self) {
        self.out.extend_from_slice(b"# EOF\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stay_within_their_quotes() {
        let mut out = Vec::new();
        let mut text = Text::new(&mut out);
        text.family("a", "counter", "Help.");
        text.sample("a_total", &[("x", "q\"b\\n\n"), ("y", "ü")], 3);
        text.gauge("b", "Help.", 4);
        text.end();
        let expected = "# TYPE a counter\n# HELP a Help.\na_total{x=\"q\\\"b\\\\n\\n\",y=\"ü\"} 3\n\
                        # TYPE b gauge\n# HELP b Help.\nb 4\n# EOF\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
