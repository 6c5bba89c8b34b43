//! Rows as tables, CSV and JSON have them: one list of columns for all three.

use serde_json::{Map, Number, Value};

/// A column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type in SQLite.
    pub kind: &'static str,
}

/// What stands in a column.
#[derive(Clone, PartialEq, Debug)]
pub enum Field {
    /// It is not known.
    Empty,
    /// A number.
    Integer(i64),
    /// A measure.
    Real(f64),
    /// Anything else.
    Text(String),
}

impl Field {
    /// Text without the characters that would break a line; nothing else of what strangers say is changed.
    pub(super) fn text(text: &str) -> Self {
        let tidy = |c: char| if c.is_control() { ' ' } else { c };
        Self::Text(if text.chars().any(char::is_control) {
            text.chars().map(tidy).collect()
        } else {
            text.to_owned()
        })
    }

    /// A measure with two decimals.
    pub(super) fn measure(value: Option<f64>) -> Self {
        value.map_or(Self::Empty, |value| Self::Real((value * 100.0).round() / 100.0))
    }
}

/// A line of a CSV file as Asterisk writes it: text in quotation marks, which are doubled inside, numbers as they are.
pub fn csv_line(fields: impl IntoIterator<Item = Field>) -> String {
    let mut line = String::with_capacity(400);
    for field in fields {
        match field {
            Field::Empty => {}
            Field::Integer(number) => line.push_str(&number.to_string()),
            Field::Real(number) => line.push_str(&number.to_string()),
            Field::Text(text) => {
                line.push('"');
                line.push_str(&text.replace('"', "\"\""));
                line.push('"');
            }
        }
        line.push(',');
    }
    line.pop();
    line.push('\n');
    line
}

/// The same as an object; what is not known is `null`.
pub fn json_object(columns: &[Column], fields: impl IntoIterator<Item = Field>) -> Map<String, Value> {
    let value = |field| match field {
        Field::Empty => Value::Null,
        Field::Integer(number) => Value::from(number),
        Field::Real(number) => Number::from_f64(number).map_or(Value::Null, Value::Number),
        Field::Text(text) => Value::String(text),
    };
    columns.iter().zip(fields).map(|(column, field)| (column.name.to_owned(), value(field))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_whatever_strangers_say() {
        let fields =
            [Field::text("\"Eve\" <1\r\n2>"), Field::Integer(7), Field::Empty, Field::measure(Some(4.129))];
        assert_eq!(csv_line(fields), "\"\"\"Eve\"\" <1  2>\",7,,4.13\n");
    }

    #[test]
    fn an_object_has_every_column() {
        let columns = [Column { name: "src", kind: "TEXT" }, Column { name: "answer", kind: "TEXT" }];
        let object = json_object(&columns, [Field::text("1001"), Field::Empty]);
        assert_eq!(Value::Object(object).to_string(), r#"{"answer":null,"src":"1001"}"#);
    }
}
