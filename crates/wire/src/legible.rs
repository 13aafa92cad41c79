//! Text that people read, such as what they pay for: something must be seen of it, and nothing in it
//! may hide or turn around what stands beside it.

/// Looks at a text.
///
/// # Errors
///
/// If it has characters that nobody sees, such as a zero width space, those that change
/// the direction of what follows, or nothing but blanks.
pub(crate) fn check(text: &str) -> Result<(), &'static str> {
    const INVISIBLE: &str = "must not contain invisible characters, such as a zero width space";
    let mut before = Kind::Blank;
    for c in text.chars() {
        let kind = Kind::of(c);
        before = match kind {
            Kind::Direction => {
                return Err("must not contain characters that change the direction of text");
            }
            Kind::Invisible => return Err(INVISIBLE),
            Kind::Blank | Kind::Visible | Kind::Flag => kind,
            // They belong to what stands before them: a script's joiner, an emoji's colour.
            Kind::Joins | Kind::Varies if matches!(before, Kind::Blank | Kind::Joins) => {
                return Err(INVISIBLE);
            }
            Kind::Joins | Kind::Varies => kind,
            // The flag of England is a black one and its letters.
            Kind::Tag if before == Kind::Flag => Kind::Flag,
            Kind::Tag => return Err(INVISIBLE),
        };
    }
    if before == Kind::Joins {
        return Err(INVISIBLE);
    }
    if text.chars().any(|c| matches!(Kind::of(c), Kind::Visible | Kind::Flag)) {
        Ok(())
    } else {
        Err("must not be blank")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Visible,
    Blank,
    Direction,
    Invisible,
    Joins,
    Varies,
    Flag,
    Tag,
}

impl Kind {
    /// By Unicode's properties White_Space, Bidi_Control and Default_Ignorable_Code_Point.
    fn of(c: char) -> Self {
        match c {
            // Lines end nowhere in such a text.
            '\u{2028}' | '\u{2029}' => Self::Invisible,
            // An empty cell of Braille has no dots.
            '\u{2800}' => Self::Blank,
            _ if c.is_whitespace() => Self::Blank,
            '\u{61c}' | '\u{200e}' | '\u{200f}' => Self::Direction,
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Self::Direction,
            '\u{200c}' | '\u{200d}' => Self::Joins,
            '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => Self::Varies,
            '\u{180b}'..='\u{180d}' | '\u{180f}' => Self::Varies,
            '\u{1f3f4}' => Self::Flag,
            '\u{e0020}'..='\u{e007f}' => Self::Tag,
            '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => {
                Self::Invisible
            }
            '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' => {
                Self::Invisible
            }
            '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' => Self::Invisible,
            '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => Self::Invisible,
            _ => Self::Visible,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn what_people_read_is_seen() {
        for good in [
            "Jasmine tea, 100 g",
            "茉莉花茶　100克",
            "شاي الياسمين",
            "می\u{200c}خواهم",
            "👨\u{200d}👩\u{200d}👧 family",
            "❤\u{fe0f}\u{200d}🔥",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} tea",
            "葛\u{e0100}",
            "e\u{301}",
            " a ",
        ] {
            assert_eq!(check(good), Ok(()), "{good:?}");
        }
        for (bad, why) in [
            ("   ", "blank"),
            ("\u{3000}\u{a0}", "blank"),
            ("\u{2800}", "blank"),
            ("\u{200b}", "invisible"),
            ("\u{3164}", "invisible"),
            ("\u{ad}", "invisible"),
            ("\u{200d}", "invisible"),
            ("\u{fe0f}", "invisible"),
            ("tea\u{200d}", "invisible"),
            ("tea \u{200c}cup", "invisible"),
            ("tea\u{e0041}", "invisible"),
            ("te\u{2060}a", "invisible"),
            ("tea\u{feff}", "invisible"),
            ("tea\u{2028}cup", "invisible"),
            ("tea \u{202e}00.1", "direction"),
            ("tea\u{2066}", "direction"),
            ("tea\u{200f}", "direction"),
        ] {
            let refused = check(bad).unwrap_err();
            assert!(refused.contains(why), "{bad:?}: {refused}");
        }
    }
}
