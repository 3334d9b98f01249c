#include "imapd/parse/fetch_items.h"

#include <algorithm>

#include "common/base/strings.h"

namespace waxwing::imap {
namespace {

using mail::Section;

constexpr std::size_t kMaxPartDepth = 100;
constexpr std::size_t kMaxHeaderNames = 1000;

struct PlainItem {
  std::string_view name;
  FetchKind kind;
};
constexpr PlainItem kPlain[] = {
    {"FLAGS", FetchKind::flags},
    {"UID", FetchKind::uid},
    {"INTERNALDATE", FetchKind::internal_date},
    {"RFC822.SIZE", FetchKind::size},
    {"ENVELOPE", FetchKind::envelope},
    {"BODYSTRUCTURE", FetchKind::body_structure},
    {"MODSEQ", FetchKind::modseq},
    {"EMAILID", FetchKind::email_id},
    {"THREADID", FetchKind::thread_id},
};

struct OldItem {
  const char* name;
  Section::Text text;
  bool peek;
};
constexpr OldItem kOld[] = {{"RFC822", Section::Text::whole, false},
                            {"RFC822.HEADER", Section::Text::header, true},
                            {"RFC822.TEXT", Section::Text::text, false}};

Result<std::vector<std::string>> header_names(Scanner& in) {
  std::vector<std::string> names;
  TRY_VOID(in.space());
  TRY_VOID(in.expect('('));
  do {
    if (names.size() >= kMaxHeaderNames) return permanent("too many header names in one section");
    TRY(auto name, in.astring());
    // It is said again in the answer, where a line end would end the answer.
    if (!std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f; }))
      return permanent("not the name of a header field: \"" + printable(name, 40) + "\"");
    names.push_back(std::move(name));
  } while (in.take(' '));
  TRY_VOID(in.expect(')'));
  return names;
}

Result<> section_text(Scanner& in, Section& section) {
  if (in.take_word("HEADER.FIELDS.NOT")) {
    section.text = Section::Text::header_fields_not;
    TRY(section.fields, header_names(in));
  } else if (in.take_word("HEADER.FIELDS")) {
    section.text = Section::Text::header_fields;
    TRY(section.fields, header_names(in));
  } else if (in.take_word("HEADER")) {
    section.text = Section::Text::header;
  } else if (in.take_word("TEXT")) {
    section.text = Section::Text::text;
  } else if (!section.path.empty() && in.take_word("MIME")) {
    section.text = Section::Text::mime;
  } else {
    return permanent("unknown section \"" + printable(in.rest(), 40) + "\"");
  }
  return {};
}

// "[1.2.HEADER]", brackets included.
Result<Section> section_spec(Scanner& in, bool parts_only) {
  Section section;
  TRY_VOID(in.expect('['));
  while (is_digit(in.peek())) {
    if (section.path.size() >= kMaxPartDepth) return permanent("a section goes too deep");
    TRY(const auto part, in.nz_number());
    section.path.push_back(part);
    if (!in.take('.')) break;
    if (in.peek() == ']') return permanent("a section ends with a dot");
  }
  if (in.peek() != ']') {
    if (parts_only) return permanent("BINARY takes part numbers only");
    TRY_VOID(section_text(in, section));
  }
  TRY_VOID(in.expect(']'));
  return section;
}

Result<> partial(Scanner& in, FetchItem& item) {
  if (!in.take('<')) return {};
  FetchItem::Partial range;
  TRY(range.offset, in.number());
  TRY_VOID(in.expect('.'));
  TRY(range.count, in.nz_number());
  TRY_VOID(in.expect('>'));
  item.partial = range;
  return {};
}

Result<FetchItem> with_section(Scanner& in, FetchKind kind, bool peek) {
  FetchItem item{.kind = kind, .peek = peek};
  TRY(item.section, section_spec(in, kind != FetchKind::section));
  if (kind != FetchKind::binary_size) TRY_VOID(partial(in, item));
  return item;
}

Result<FetchItem> one_item(Scanner& in) {
  TRY(const auto name, in.word());
  if (in.peek() == '[') {
    if (iequals(name, "BODY")) return with_section(in, FetchKind::section, false);
    if (iequals(name, "BODY.PEEK")) return with_section(in, FetchKind::section, true);
    if (iequals(name, "BINARY")) return with_section(in, FetchKind::binary, false);
    if (iequals(name, "BINARY.PEEK")) return with_section(in, FetchKind::binary, true);
    if (iequals(name, "BINARY.SIZE")) return with_section(in, FetchKind::binary_size, true);
    return permanent("unknown FETCH item " + printable(name, 40) + "[");
  }
  if (iequals(name, "BODY")) return FetchItem{.kind = FetchKind::body};
  for (const auto& plain : kPlain)
    if (iequals(name, plain.name)) return FetchItem{.kind = plain.kind};
  for (const auto& old : kOld)
    if (iequals(name, old.name)) {
      FetchItem item{.kind = FetchKind::rfc822, .peek = old.peek, .old_name = old.name};
      item.section.text = old.text;
      return item;
    }
  return permanent("unknown FETCH item " + printable(name, 40));
}

bool macro(Scanner& in, std::vector<FetchItem>& items) {
  std::size_t count = 0;
  if (in.take_word("FAST")) count = 3;
  if (count == 0 && in.take_word("ALL")) count = 4;
  if (count == 0 && in.take_word("FULL")) count = 5;
  constexpr FetchKind kinds[] = {FetchKind::flags, FetchKind::internal_date, FetchKind::size,
                                 FetchKind::envelope, FetchKind::body};
  for (std::size_t i = 0; i < count; ++i) items.push_back({.kind = kinds[i]});
  return count > 0;
}

Result<> modifiers(Scanner& in, FetchRequest& request) {
  if (!in.take(' ')) return {};
  if (in.at_end()) return {};
  TRY_VOID(in.expect('('));
  do {
    if (!in.take_word("CHANGEDSINCE"))
      return permanent("unknown FETCH modifier \"" + printable(in.rest(), 40) + "\"");
    TRY_VOID(in.space());
    TRY(request.changed_since, in.number64());
  } while (in.take(' '));
  return in.expect(')');
}

}  // namespace

Result<FetchRequest> parse_fetch(Scanner& in, std::size_t max_items) {
  FetchRequest request;
  if (in.take('(')) {
    do {
      if (request.items.size() >= max_items) return permanent("too many FETCH items");
      TRY(auto item, one_item(in));
      request.items.push_back(std::move(item));
    } while (in.take(' '));
    TRY_VOID(in.expect(')'));
  } else if (!macro(in, request.items)) {
    TRY(auto item, one_item(in));
    request.items.push_back(std::move(item));
  }
  TRY_VOID(modifiers(in, request));
  return request;
}

bool FetchRequest::asks(FetchKind kind) const {
  return std::ranges::any_of(items, [&](const auto& item) { return item.kind == kind; });
}

bool FetchRequest::sets_seen() const {
  return std::ranges::any_of(items, [](const auto& item) {
    const bool reads =
        item.kind == FetchKind::section || item.kind == FetchKind::rfc822 || item.kind == FetchKind::binary;
    return reads && !item.peek;
  });
}

bool FetchRequest::needs_message() const {
  return std::ranges::any_of(items, [](const auto& item) {
    return item.kind == FetchKind::section || item.kind == FetchKind::rfc822 ||
           item.kind == FetchKind::binary || item.kind == FetchKind::binary_size;
  });
}

}  // namespace waxwing::imap
