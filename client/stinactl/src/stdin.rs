//! Arguments that are `-`: their text comes from standard input.

use super::failure::Failure;
use std::io::Read;
use stina_protocol::Error;

/// Most bytes that are read from standard input: a longer text fits into no message.
const MAX_STDIN: u64 = 32 << 20;

/// `argument`, or standard input when it is `-`.
pub(super) fn or_stdin(argument: String) -> Result<String, Failure> {
    if argument != "-" {
        return Ok(argument);
    }
    let mut text = String::new();
    std::io::stdin().take(MAX_STDIN + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_STDIN {
        return Err(Error::TooLarge { limit: MAX_STDIN }.into());
    }
    Ok(text)
}

/// `argument`, or the text on standard input when it is `-`: without the line break that `echo` and editors add.
pub(super) fn text_or_stdin(argument: String) -> Result<String, Failure> {
    let is_stdin = argument == "-";
    let mut text = or_stdin(argument)?;
    if is_stdin && text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

/// Reads the argument that is `-` from standard input; only one can be. An empty standard input is refused: a program
/// that failed and wrote nothing must not clear a text.
pub(super) fn read_stdin<'a>(arguments: impl IntoIterator<Item = &'a mut String>) -> Result<(), Failure> {
    let mut arguments = arguments.into_iter().filter(|argument| *argument == "-");
    if let Some(argument) = arguments.next() {
        if arguments.next().is_some() {
            return Err(Failure::Usage("standard input can be read for one argument only".to_owned()));
        }
        *argument = text_or_stdin(std::mem::take(argument))?;
        if argument.is_empty() {
            let reason = "standard input is empty (an argument '' means no text)";
            return Err(Error::invalid("", reason).into());
        }
    }
    Ok(())
}
