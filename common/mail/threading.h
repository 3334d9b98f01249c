// What SORT, THREAD and conversation ids need: base subject (RFC 5256 §2.1) and message ids (RFC 5322
// §3.6.4).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/mail/header.h"

namespace waxwing::mail {

struct BaseSubject {
  std::string text;  // UTF-8, blanks squeezed, "Re:", "Fwd:", "[blob]", "(fwd)" removed; not case-folded
  bool is_reply_or_forward = false;
};
// value: the raw Subject: field value. Linear but for nested [fwd: ...], which are bounded at 100.
BaseSubject base_subject(std::string_view value);

// Ids of a References:, In-Reply-To: or Message-ID: value, without brackets, quoting normalised, in order,
// each once. What is no <id> is skipped.
std::vector<std::string> message_ids(std::string_view value, std::size_t max_ids = 1000);
// The message's own id, or "" when it has none.
std::string message_id(const HeaderBlock& header);
// References, else the first id of In-Reply-To: RFC 5256 §3 (REFERENCES, step 1).
std::vector<std::string> references(const HeaderBlock& header, std::size_t max_ids = 1000);

}  // namespace waxwing::mail
