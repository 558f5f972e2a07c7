//! Which answer belongs to which request, and which request is asked once more with another signature (RFC 7616 §3.3).
//!
//! A request that is asked again gets a number of its own (RFC 2326 §12.17), so the camera's numbers run ahead of the
//! library's, which has at most one request on its way.

use super::head::Head;

/// One connection's requests.
#[derive(Debug, Default)]
pub struct Conversation {
    /// By how much the camera's numbers are ahead.
    ahead: u32,
    asked: Option<Asked>,
    /// The challenge by which requests are signed.
    challenge: Option<String>,
}

#[derive(Debug)]
struct Asked {
    /// Without a signature.
    request: Head,
    /// Its number as the camera knows it.
    number: u32,
    /// Whether it was asked once more: a password that is wrong is shown once, and not again for each nonce.
    again: bool,
}

/// What an answer is.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// For the library.
    Pass,
    /// The camera wants this request signed by the challenge in its answer, which is not for the library.
    Sign(Head),
}

impl Conversation {
    /// Takes a request of the library, and gives it the number that the camera is to see.
    pub fn ask(&mut self, request: &mut Head) {
        let Some(number) = request.value(CSEQ).and_then(|value| value.parse::<u32>().ok()) else { return };
        let number = number.wrapping_add(self.ahead);
        request.edit(CSEQ, |_| Some(number.to_string()));
        self.asked = Some(Asked { request: request.clone(), number, again: false });
    }

    /// Takes an answer of the camera. One that is passed has the number that the library knows.
    ///
    /// One that refuses the password for good becomes 403: the library has no password to try.
    pub fn answer(&mut self, answer: &mut Head, can_sign: bool) -> Answer {
        let number = answer.value(CSEQ).and_then(|value| value.parse::<u32>().ok());
        if answer.status() == Some(UNAUTHORIZED)
            && can_sign
            && let Some(asked) = self.asked.as_mut().filter(|asked| Some(asked.number) == number)
        {
            let challenge = Some(answer.values(CHALLENGE).collect::<Vec<_>>().join(", "));
            // The same challenge that it was signed by: not the nonce is wrong.
            if !asked.again && self.challenge != challenge {
                asked.again = true;
                self.challenge = challenge;
                asked.number = asked.number.wrapping_add(1);
                self.ahead = self.ahead.wrapping_add(1);
                let number = asked.number.to_string();
                asked.request.edit(CSEQ, |_| Some(number.clone()));
                return Answer::Sign(asked.request.clone());
            }
            answer.set_first("RTSP/1.0 403 Forbidden");
        }
        if let Some(number) = number
            && self.ahead > 0
        {
            answer.edit(CSEQ, |_| Some(number.wrapping_sub(self.ahead).to_string()));
        }
        Answer::Pass
    }
}

/// Whose values are a challenge.
pub const CHALLENGE: &str = "WWW-Authenticate";
/// The status of an answer with one (RFC 2326 §11.1).
pub const UNAUTHORIZED: u16 = 401;
const CSEQ: &str = "CSeq";

#[cfg(test)]
mod tests {
    use super::*;

    fn request(number: u32) -> Head {
        Head::parse(format!("PLAY rtsp://cam/x RTSP/1.0\r\nCSeq: {number}\r\n\r\n").as_bytes())
    }

    fn refusal(number: u32, nonce: u32) -> Head {
        let text = format!(
            "RTSP/1.0 401 Unauthorized\r\nCSeq: {number}\r\nWWW-Authenticate: Digest nonce=\"{nonce}\"\r\n\r\n"
        );
        Head::parse(text.as_bytes())
    }

    fn success(number: u32) -> Head {
        Head::parse(format!("RTSP/1.0 200 OK\r\nCSeq: {number}\r\n\r\n").as_bytes())
    }

    fn passed(conversation: &mut Conversation, mut answer: Head) -> (Option<u16>, String) {
        assert_eq!(conversation.answer(&mut answer, true), Answer::Pass);
        (answer.status(), answer.value("CSeq").unwrap().to_owned())
    }

    #[test]
    fn a_nonce_for_each_request_costs_a_request_each() {
        let mut conversation = Conversation::default();
        let mut camera = 0;
        for number in 1..4 {
            let mut asked = request(number);
            conversation.ask(&mut asked);
            camera += 1;
            assert_eq!(asked, request(camera));
            let again = conversation.answer(&mut refusal(camera, camera), true);
            camera += 1;
            assert_eq!(again, Answer::Sign(request(camera)));
            assert_eq!(passed(&mut conversation, success(camera)), (Some(200), number.to_string()));
        }
    }

    #[test]
    fn a_wrong_password_is_tried_once() {
        let mut conversation = Conversation::default();
        conversation.ask(&mut request(1));
        assert!(matches!(conversation.answer(&mut refusal(1, 7), true), Answer::Sign(_)));
        assert_eq!(passed(&mut conversation, refusal(2, 7)), (Some(403), "1".to_owned()));
    }

    #[test]
    fn a_wrong_password_is_tried_once_whatever_the_nonce() {
        let mut conversation = Conversation::default();
        conversation.ask(&mut request(1));
        assert!(matches!(conversation.answer(&mut refusal(1, 7), true), Answer::Sign(_)));
        assert_eq!(passed(&mut conversation, refusal(2, 8)), (Some(403), "1".to_owned()));
    }

    #[test]
    fn a_request_that_was_signed_by_the_same_challenge_is_not_signed_again() {
        let mut conversation = Conversation::default();
        conversation.ask(&mut request(1));
        assert!(matches!(conversation.answer(&mut refusal(1, 7), true), Answer::Sign(_)));
        assert_eq!(passed(&mut conversation, success(2)).0, Some(200));
        conversation.ask(&mut request(2));
        assert_eq!(passed(&mut conversation, refusal(3, 7)), (Some(403), "2".to_owned()));
    }

    #[test]
    fn without_a_password_and_for_what_was_not_asked_nothing_is_signed() {
        let mut conversation = Conversation::default();
        conversation.ask(&mut request(1));
        assert_eq!(conversation.answer(&mut refusal(9, 1), true), Answer::Pass);
        let mut refused = refusal(1, 1);
        assert_eq!(conversation.answer(&mut refused, false), Answer::Pass);
        assert_eq!(refused, refusal(1, 1));
    }
}
