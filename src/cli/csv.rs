//! Lines of CSV (RFC 4180, with LF).

/// Appends a line.
pub fn line<T: AsRef<str>>(out: &mut String, fields: impl IntoIterator<Item = T>) {
    for (position, field) in fields.into_iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        let field = field.as_ref();
        if field.contains(['"', ',', '\n', '\r']) {
            out.push('"');
            out.push_str(&field.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(field);
        }
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    #[test]
    fn fields_are_quoted_where_they_must_be() {
        let mut out = String::new();
        super::line(&mut out, ["plain", "a,b", "say \"x\"", "", "two\nlines"]);
        assert_eq!(out, "plain,\"a,b\",\"say \"\"x\"\"\",,\"two\nlines\"\n");
    }
}
