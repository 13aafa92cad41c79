//! Structured fields (RFC 9651), as far as signatures and digests need them: dictionaries. The grammar
//! is `sfv`'s. Its own types for what it parsed bring a hash map along, which is a fifth of what a page
//! would download, and the lists here are short.

use std::borrow::BorrowMut;

use sfv::visitor::{
    DictionaryVisitor, EntryVisitor, InnerListVisitor, ItemVisitor, ParameterVisitor,
};
use sfv::{
    BareItem, BareItemFromInput, ItemSerializer, Key, KeyRef, ListSerializer, ParameterSerializer,
    Parser,
};

/// No dictionary of ours has more members; who parses must take as many (RFC 9651, section 3.2).
pub(crate) const MAX_MEMBERS: usize = 1024;
/// No component of ours has more parameters; who parses must take as many (RFC 9651, section 3.1.2).
pub(crate) const MAX_PARAMETERS: usize = 256;

/// Values by key: in the order in which each key came first, with what came last.
#[derive(Clone, Debug)]
pub(crate) struct Map<T>(Vec<(Key, T)>);

/// Of an item or an inner list.
pub(crate) type Parameters = Map<BareItem>;
/// A field of the type dictionary.
pub(crate) type Dictionary = Map<Member>;

/// A dictionary's member.
#[derive(Clone, Debug)]
pub(crate) enum Member {
    /// One value.
    Item(Item),
    /// Several, in parentheses.
    InnerList(InnerList),
}

/// A value and its parameters.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) value: BareItem,
    pub(crate) parameters: Parameters,
}

/// Values, and the parameters of them all.
#[derive(Clone, Debug, Default)]
pub(crate) struct InnerList {
    pub(crate) items: Vec<Item>,
    pub(crate) parameters: Parameters,
}

/// Reads a dictionary (RFC 9651, section 4.2.2).
///
/// # Errors
///
/// The syntax error, and its position.
pub(crate) fn dictionary(text: &str) -> Result<Dictionary, sfv::Error> {
    Parser::new(text).parse_dictionary_with_visitor(Reading(Dictionary::default()))
}

impl Item {
    /// As RFC 9651, section 4.1.3 writes it.
    pub(crate) fn serialize(&self) -> String {
        self.parameters.serialize(ItemSerializer::new().bare_item(&self.value)).finish()
    }
}

impl InnerList {
    /// As RFC 9651, section 4.1.1.1 writes it.
    pub(crate) fn serialize(&self) -> String {
        let mut text = String::with_capacity(512);
        let mut serializer = ListSerializer::with_buffer(&mut text);
        let mut list = serializer.inner_list();
        for Item { value, parameters } in &self.items {
            parameters.serialize(list.bare_item(value));
        }
        self.parameters.serialize(list.finish());
        text
    }
}

impl Parameters {
    fn serialize<W: BorrowMut<String>>(
        &self,
        serializer: ParameterSerializer<W>,
    ) -> ParameterSerializer<W> {
        self.iter().fold(serializer, |serializer, (key, value)| serializer.parameter(key, value))
    }
}

impl<T> Map<T> {
    /// The value, if there is one.
    pub(crate) fn get(&self, key: &str) -> Option<&T> {
        self.0.iter().find(|(it, _)| it.as_str() == key).map(|(_, value)| value)
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&KeyRef, &T)> {
        self.0.iter().map(|(key, value)| (&**key, value))
    }

    /// Puts a value in the place of an earlier one of that key, else at the end.
    pub(crate) fn insert(&mut self, key: &KeyRef, value: T) -> &mut T {
        let at = match self.0.iter().position(|(it, _)| **it == *key) {
            Some(at) => {
                self.0[at].1 = value;
                at
            }
            None => {
                self.0.push((key.to_owned(), value));
                self.0.len() - 1
            }
        };
        &mut self.0[at].1
    }
}

impl<T> Default for Map<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("more than 1024 members or 256 parameters")]
struct TooMany;

/// The value that a visitor of the grammar fills.
struct Reading<T>(T);

impl<'de> DictionaryVisitor<'de> for Reading<Dictionary> {
    type Out = Dictionary;
    type Error = TooMany;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, TooMany> {
        if self.0.0.len() == MAX_MEMBERS {
            return Err(TooMany);
        }
        Ok(Reading((&mut self.0, key)))
    }

    fn finish(self) -> Result<Dictionary, TooMany> {
        Ok(self.0)
    }
}

impl<'de> EntryVisitor<'de> for Reading<(&mut Dictionary, &KeyRef)> {
    type Error = TooMany;

    fn item(self) -> Result<impl ItemVisitor<'de>, TooMany> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, TooMany> {
        let (dictionary, key) = self.0;
        match dictionary.insert(key, Member::InnerList(InnerList::default())) {
            Member::InnerList(list) => Ok(Reading(list)),
            // It was put there the line before.
            Member::Item(_) => Err(TooMany),
        }
    }
}

impl<'de> ItemVisitor<'de> for Reading<(&mut Dictionary, &KeyRef)> {
    type Out = ();
    type Error = TooMany;

    fn bare_item(
        self,
        value: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = ()>, TooMany> {
        let (dictionary, key) = self.0;
        match dictionary.insert(key, Member::Item(Item::from(value))) {
            Member::Item(item) => Ok(Reading(&mut item.parameters)),
            // It was put there the line before.
            Member::InnerList(_) => Err(TooMany),
        }
    }
}

impl<'de> InnerListVisitor<'de> for Reading<&mut InnerList> {
    type Error = TooMany;

    fn item(&mut self) -> Result<impl ItemVisitor<'de>, TooMany> {
        Ok(Reading(&mut self.0.items))
    }

    fn finish(self) -> Result<impl ParameterVisitor<'de>, TooMany> {
        Ok(Reading(&mut self.0.parameters))
    }
}

impl<'de> ItemVisitor<'de> for Reading<&mut Vec<Item>> {
    type Out = ();
    type Error = TooMany;

    fn bare_item(
        self,
        value: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = ()>, TooMany> {
        Ok(Reading(&mut self.0.push_mut(Item::from(value)).parameters))
    }
}

impl<'de> ParameterVisitor<'de> for Reading<&mut Parameters> {
    type Out = ();
    type Error = TooMany;

    fn parameter(
        &mut self,
        key: &'de KeyRef,
        value: BareItemFromInput<'de>,
    ) -> Result<(), TooMany> {
        if self.0.0.len() == MAX_PARAMETERS {
            return Err(TooMany);
        }
        self.0.insert(key, value.into());
        Ok(())
    }

    fn finish(self) -> Result<(), TooMany> {
        Ok(())
    }
}

impl<'de> From<BareItemFromInput<'de>> for Item {
    fn from(value: BareItemFromInput<'de>) -> Self {
        Self { value: value.into(), parameters: Parameters::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys with the debug form of their values, in order.
    fn read(text: &str) -> String {
        let Ok(members) = dictionary(text) else { return "none".to_owned() };
        let parameters = |map: &Parameters| -> String {
            map.iter().map(|(key, value)| format!(";{key}={}", short(value))).collect()
        };
        let item = |item: &Item| short(&item.value) + &parameters(&item.parameters);
        let member = |(key, member): (&KeyRef, &Member)| match member {
            Member::Item(it) => format!("{key}={}", item(it)),
            Member::InnerList(list) => {
                let items: Vec<_> = list.items.iter().map(item).collect();
                format!("{key}=({}){}", items.join(" "), parameters(&list.parameters))
            }
        };
        members.iter().map(member).collect::<Vec<_>>().join(", ")
    }

    fn short(value: &BareItem) -> String {
        match value {
            BareItem::Integer(it) => it.to_string(),
            BareItem::String(it) => format!("{:?}", it.as_str()),
            BareItem::Boolean(it) => it.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_dictionary_keeps_its_order_and_the_last_of_each_key() {
        for (text, read_as) in [
            ("", ""),
            ("a=1, b=2", "a=1, b=2"),
            ("a=1, b=2, a=3", "a=3, b=2"),
            ("a=1;x=1;y=2;x=3, b", "a=1;x=3;y=2, b=true"),
            ("a=1;x, a=(2 3;y);z", "a=(2 3;y=true);z=true"),
            ("a=(1);x, a=2", "a=2"),
            ("a=(\"b\";req \"c\");d=\"e\"", "a=(\"b\";req=true \"c\");d=\"e\""),
            ("a=", "none"),
            ("a=1,", "none"),
            ("A=1", "none"),
            ("a=(1", "none"),
        ] {
            assert_eq!(read(text), read_as, "{text}");
        }
    }

    #[test]
    fn a_list_is_written_as_it_was_read() {
        for (text, written) in [
            ("a=()", "()"),
            (
                "a=(\"b\";req \"c\" ?0);d=\"e\\\"\";f;g=:AAE=:",
                "(\"b\";req \"c\" ?0);d=\"e\\\"\";f;g=:AAE=:",
            ),
            ("a=(  1   2.0 tok @3 );x=1;x=2", "(1 2.0 tok @3);x=2"),
            ("a=(%\"%c3%a9\")", "(%\"%c3%a9\")"),
        ] {
            let members = dictionary(text).unwrap();
            let Some(Member::InnerList(list)) = members.get("a") else { panic!("{text}") };
            assert_eq!(list.serialize(), written);
            let items: Vec<_> = list.items.iter().map(Item::serialize).collect();
            assert!(written.starts_with(&format!("({})", items.join(" "))));
        }
    }

    #[test]
    fn it_has_as_many_members_and_parameters_as_it_must_take_and_no_more() {
        let members = |count: usize| {
            let members: Vec<_> = (0..count).map(|at| format!("a{at}=1")).collect();
            dictionary(&members.join(", ")).is_ok()
        };
        let parameters = |count: usize| {
            let parameters: String = (0..count).map(|at| format!(";a{at}=1")).collect();
            ["a=1", "a=(1)", "a=(1", "a=(1 2"].map(|start| {
                let end = if start.contains('(') && !start.contains(')') { ")" } else { "" };
                dictionary(&format!("{start}{parameters}{end}")).is_ok()
            })
        };
        assert_eq!([members(MAX_MEMBERS), members(MAX_MEMBERS + 1)], [true, false]);
        assert_eq!(parameters(MAX_PARAMETERS), [true; 4]);
        assert_eq!(parameters(MAX_PARAMETERS + 1), [false; 4]);
    }
}
