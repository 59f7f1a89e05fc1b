//! The one macro that declares API types.

/// Declares one struct of a Kubernetes API: serde in Go's camel case, empty fields left out, unknown fields kept in `extra`.
///
/// `pub name as "wireName": Type` overrides the wire name where camel case does not give it.
macro_rules! api_struct {
    (
        $(#[doc = $sdoc:literal])*
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])* pub $field:ident $(as $wire:literal)? : $ty:ty, )*
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
    };
}
