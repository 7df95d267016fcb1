//! The OTLP messages with their JSON names, a table a signal. What only writing asks, [`Message::oneof`] and
//! [`Field::always`], is told of traces alone: no other signal is written.

pub(super) mod logs;
pub(super) mod metrics;
pub(super) mod traces;

mod common;

/// A message.
pub(super) struct Message {
    pub(super) fields: &'static [Field],
    /// All fields are members of one `oneof`: what is set is written, be it zero or empty.
    pub(super) oneof: bool,
}

/// A field.
pub(super) struct Field {
    pub(super) number: u32,
    /// Its name in JSON, lower camel case.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) repeated: bool,
    /// Written even where it is empty, because strict readers ask for it.
    pub(super) always: bool,
}

/// What a field holds, on the wire and in JSON.
pub(super) enum Kind {
    Message(&'static Message),
    /// `string`
    Text,
    /// `bytes`, hex in JSON. What is not hex is left for whoever reads the message to refuse.
    Id,
    /// `bytes`, hex in JSON and nothing else, where nobody reads the message behind.
    Hex,
    /// `bytes`, base64 in JSON.
    Bytes,
    Bool,
    /// `int64`, a decimal string in JSON.
    Int64,
    /// `uint64`, a decimal string in JSON.
    Uint64,
    /// `fixed64`, a decimal string in JSON.
    Fixed64,
    /// `sfixed64`, a decimal string in JSON.
    Sfixed64,
    Fixed32,
    Uint32,
    /// `sint32`: zigzag on the wire.
    Sint32,
    Double,
    /// An enum with the names of its values, counted from zero; a number in JSON, a name is read too.
    Enum(&'static [&'static str]),
}

// === impl Message ===

impl Message {
    const fn of(fields: &'static [Field]) -> Self {
        Self { fields, oneof: false }
    }

    /// The field that JSON calls `name`, in camel case or as in the proto file.
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name || is_snake_of(name, field.name))
    }
}

/// Whether `snake` is `camel` with each capital as an underscore and its small letter.
fn is_snake_of(snake: &str, camel: &str) -> bool {
    let mut snake = snake.bytes();
    let same = camel.bytes().all(|byte| match byte.is_ascii_uppercase() {
        true => snake.next() == Some(b'_') && snake.next() == Some(byte.to_ascii_lowercase()),
        false => snake.next() == Some(byte),
    });
    same && snake.next().is_none()
}

// === impl Field ===

impl Field {
    const fn one(number: u32, name: &'static str, kind: Kind) -> Self {
        Self { number, name, kind, repeated: false, always: false }
    }

    const fn many(number: u32, name: &'static str, kind: Kind) -> Self {
        Self { number, name, kind, repeated: true, always: false }
    }

    const fn always(self) -> Self {
        Self { always: true, ..self }
    }

    /// Whether its values stand behind one another under one tag: all numbers that are repeated.
    pub(super) fn is_packed(&self) -> bool {
        self.repeated && self.kind.wire_type() != 2
    }
}

// === impl Kind ===

impl Kind {
    /// The wire type of one value.
    pub(super) fn wire_type(&self) -> u8 {
        match self {
            Self::Bool | Self::Int64 | Self::Uint64 | Self::Uint32 | Self::Sint32 | Self::Enum(_) => 0,
            Self::Fixed64 | Self::Sfixed64 | Self::Double => 1,
            Self::Message(_) | Self::Text | Self::Id | Self::Hex | Self::Bytes => 2,
            Self::Fixed32 => 5,
        }
    }
}
