// Addresses: RFC 5322 §3.4 as header fields carry them (lenient, obsolete forms included) and
// RFC 5321 §4.1.2 as SMTP commands carry them (strict). UTF-8 by RFC 6531/6532.
//
// Local parts are kept as values, without quoting: "a b"@x has the local part `a b`; format_addr_spec()
// puts the quotes back where they are needed. Domains are kept as written, comments and blanks removed,
// literals with their brackets. Nothing is folded to lower case. Pure functions, thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace waxwing::mail {

struct AddrSpec {
  std::string local_part;  // value, unquoted
  std::string domain;      // "example.org", "[192.0.2.1]"; empty for a bare local part
  bool empty() const { return local_part.empty() && domain.empty(); }
  std::string text() const;  // as format_addr_spec
  bool operator==(const AddrSpec&) const = default;
};

// One element of an address list. A group gives a group_start (display_name is the group's), its
// mailboxes, and a group_end: the order in which IMAP's ENVELOPE lists them.
struct Address {
  enum class Kind { mailbox, group_start, group_end };
  Kind kind = Kind::mailbox;
  std::string display_name;  // quotes and folding undone, RFC 2047 words as they are; may hold 8-bit bytes
  std::string route;         // obsolete source route "@a,@b" without the colon
  AddrSpec spec;
  // Where the route-free addr-spec stands in the parsed text, so that a rewriter can replace it and
  // leave names, comments and folding alone: [begin, end). Both 0 for groups.
  std::size_t begin = 0, end = 0;
  bool angled = false;  // it stood in <>
};

struct AddressLimits {
  std::size_t max_addresses = 100000;
};

struct AddressList {
  std::vector<Address> items;
  bool well_formed = true;  // false: something was skipped or guessed
  bool truncated = false;   // max_addresses reached
};

// The value of From:, To:, Reply-To: ... folded or not. Never fails: what cannot be an address is skipped
// up to the next comma and well_formed is false. "user" without a domain gives an empty domain. A display
// name missing before a bare addr-spec is taken from a comment after it: `a@b (Name)`. Linear in value.
AddressList parse_address_list(std::string_view value, const AddressLimits& limits = {});

// Exactly one addr-spec and nothing else but comments and blanks; `<a@b>` is taken too. For aliases,
// directory attributes and configuration; a bare local part ("postmaster") is good. Errors are permanent and
// name what is wrong.
Result<AddrSpec> parse_addr_spec(std::string_view text);

// local@domain with the local part quoted when it is no dot-atom; without domain just the local part.
std::string format_addr_spec(std::string_view local_part, std::string_view domain);
// A display name, UTF-8, as it may stand before <...>: atoms as they are, else quoted, or encoded words where
// it is not ASCII.
std::string format_phrase(std::string_view display_name);
// True when every byte of both parts is ASCII.
bool is_ascii(std::string_view text);

// ---- SMTP ------------------------------------------------------------------------------------------

struct SmtpPathOptions {
  bool utf8 = false;                // SMTPUTF8 was asked for: non-ASCII local parts and U-labels are good
  bool null_path = false;           // MAIL FROM:<>
  bool bare_local_part = false;     // <user> without a domain; <postmaster> is always taken
  bool loose_brackets = false;      // also `user@domain` without <> (old clients, submission)
  std::size_t max_local_part = 64;  // octets, RFC 5321 §4.5.3.1
  std::size_t max_domain = 255;
};

struct SmtpPath {
  AddrSpec spec;             // empty for <>
  std::string route;         // accepted and to be ignored, RFC 5321 appendix C
  std::size_t consumed = 0;  // bytes read of the text: parameters follow
};

// Path = "<" [ A-d-l ":" ] Mailbox ">" at the start of text (after "MAIL FROM:" and any blanks). Strict:
// no comments, no folding, domain labels of letters, digits, hyphen (underscore tolerated), literals
// checked. Errors are permanent; text fits after "501 5.1.3 " / "501 5.1.7 ".
Result<SmtpPath> parse_smtp_path(std::string_view text, const SmtpPathOptions& options = {});

// The domain or address-literal of EHLO, LHLO; strict but for underscores.
bool is_smtp_domain(std::string_view text, bool utf8 = false);
// "[192.0.2.1]", "[IPv6:2001:db8::1]": well-formed with a valid address, or "[tag:content]".
bool is_address_literal(std::string_view text);

// RFC 3461 xtext (ORCPT, ENVID, AUTH=): permanent error when malformed.
Result<std::string> decode_xtext(std::string_view text);
std::string encode_xtext(std::string_view text);

}  // namespace waxwing::mail
