// Whole messages: structure, ENVELOPE, BODYSTRUCTURE, sections, text, preview, and the store's cache entry.
#include "common/mail/mime.h"

#include "common/base/strings.h"
#include "common/mail/imap_structure.h"
#include "common/mail/preview.h"
#include "common/mail/section.h"
#include "common/mail/seven_bit.h"
#include "common/mail/transfer_coding.h"
#include "imapd/parse/fetch_items.h"
#include "store/mailbox/cache.h"
#include "t/fuzz/frame/imap_value.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;

namespace {

void part(const mail::Mime& mime, const mail::MimePart& part) {
  MUST(part.header_begin <= part.body_begin && part.body_begin <= part.end &&
       part.end <= mime.message.size());
  if (part.parent >= 0) {
    const auto& parent = mime.parts.at(static_cast<std::size_t>(part.parent));
    MUST(parent.body_begin <= part.header_begin && part.end <= parent.end && part.depth == parent.depth + 1);
  }
  std::uint32_t children = 0;
  for (auto child = part.first_child; child >= 0; ++children)
    child = mime.parts.at(static_cast<std::size_t>(child)).next_sibling;
  MUST(children == part.children);
  mail::decoded_part(mime, part, 2000);
}

std::optional<mail::Section> section_named(std::string_view text) {
  const auto item = "BODY[" + std::string(text) + "]";
  imap::Scanner in(item);
  auto request = imap::parse_fetch(in);
  if (!request) return {};
  return std::move(request->items.front().section);
}

void sections(const mail::Mime& mime, std::string_view text) {
  const auto section = section_named(text);
  if (!section) return;
  const auto canonical = mail::format_section(*section);
  const auto again = section_named(canonical);
  MUST(again && mail::format_section(*again) == canonical);
  MUST(mail::find_section(mime, *section).view().size() <= mime.message.size() + 4);
}

// What comes out has no 8-bit body left, whatever went in.
void seven_bit(std::string_view message, const mail::MimeLimits& limits) {
  const auto form = mail::to_seven_bit(message, limits);
  MUST(form.possible || !form.why.empty());
  if (!form.possible) return;
  const auto mime = mail::parse_mime(form.message, limits);
  for (const auto& each : mime.parts)
    if (each.kind == mail::MimePart::Kind::leaf) MUST(!mail::has_eight_bit(mime.body_of(each)));
}

}  // namespace

// The first line is a section to ask for, the rest a message.
FUZZ_TARGET(mime) {
  fuzz::Input in(input);
  const auto section = in.line();
  const auto message = in.rest();
  const mail::MimeLimits limits{
      .max_depth = 12, .max_parts = 200, .header = {.max_bytes = 65536, .max_fields = 500}};
  const auto mime = mail::parse_mime(message, limits);
  MUST(!mime.parts.empty() && mime.parts.size() <= limits.max_parts + 1);
  for (const auto& each : mime.parts) part(mime, each);
  MUST(fuzz::is_imap_list(mail::imap_envelope(mime.header)));
  MUST(fuzz::is_imap_list(mail::imap_body_structure(mime, true)));
  MUST(fuzz::is_imap_list(mail::imap_body_structure(mime, false)));
  MUST(is_utf8(mail::preview_text(mime)));
  seven_bit(message, limits);
  for (const char* each :
       {"", "HEADER", "TEXT", "1", "1.MIME", "2.1.TEXT", "1.1.HEADER", "HEADER.FIELDS (Subject To)"})
    sections(mime, each);
  sections(mime, section);

  auto parsed = store::parse_for_cache(message);
  store::stamp(parsed.cache_entry, 7);
  const auto entry = store::check_entry(parsed.cache_entry, 7);
  MUST(entry && fuzz::is_imap_list(store::unpack(*entry, nullptr).envelope));
  MUST(parsed.header_size <= message.size());
}
