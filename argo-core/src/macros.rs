//! The one macro that declares API types.

/// Declares one struct of a Kubernetes API: serde in Go's camel case, empty fields left out, unknown fields kept in `extra`, and a
/// [`Described`](crate::describe::Described) implementation.
///
/// * `pub struct Name as "Container"` says that the type stands for one of Kubernetes' API and has its other fields too, in `extra`.
/// * `pub name as "wireName": Type` overrides the wire name where camel case does not give it.
/// * `pub name: Type => "[]Volume @name"` says what an opaque value holds, and after `@` how it merges (see `k8s/types.txt`).
macro_rules! api_struct {
    (@wire $field:ident $wire:literal) => { $wire };
    (@wire $field:ident) => {{
        const NAME: &str = stringify!($field);
        const BYTES: [u8; $crate::describe::camel_len(NAME)] = $crate::describe::camel(NAME);
        match ::std::str::from_utf8(&BYTES) {
            Ok(name) => name,
            Err(_) => NAME,
        }
    }};
    (
        $(#[doc = $sdoc:literal])*
        pub struct $name:ident $(as $base:literal)? {
            $( $(#[doc = $doc:literal])* pub $field:ident $(as $wire:literal)? : $ty:ty $(=> $note:literal)? , )*
        }
    ) => {
        $(#[doc = $sdoc])*
        #[derive(Clone, Debug, Default, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            $(
                $(#[doc = $doc])*
                #[serde($(rename = $wire,)? skip_serializing_if = "crate::omit::Omit::omit", deserialize_with = "crate::omit::null_is_default")]
                pub $field: $ty,
            )*
            /// Fields this version does not know, kept so that a round trip loses nothing.
            #[serde(flatten)]
            pub extra: ::std::collections::BTreeMap<String, ::serde_json::Value>,
        }

        impl crate::omit::Omit for $name {
            fn omit(&self) -> bool {
                $( crate::omit::Omit::omit(&self.$field) && )* self.extra.is_empty()
            }
        }

        impl crate::describe::Described for $name {
            fn shape() -> crate::describe::Shape {
                const FIELDS: &[crate::describe::FieldInfo] = &[
                    $( crate::describe::FieldInfo {
                        name: api_struct!(@wire $field $($wire)?),
                        doc: concat!($($doc),*),
                        shape: <$ty as crate::describe::Described>::shape,
                        note: concat!($($note)?),
                    }, )*
                ];
                static INFO: crate::describe::StructInfo = crate::describe::StructInfo {
                    name: stringify!($name),
                    doc: concat!($($sdoc),*),
                    base: concat!($($base)?),
                    fields: FIELDS,
                };
                crate::describe::Shape::Struct(&INFO)
            }
        }
    };
}
