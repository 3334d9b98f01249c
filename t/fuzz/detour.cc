// What the defragment and conversion channels read from messages: pieces, parts, and what is put together of them.
// The first byte chooses, the second which parts are taken out or replaced.
#include "channels/conversion/edition.h"
#include "channels/conversion/options_file.h"
#include "channels/conversion/shell_command.h"
#include "channels/defragment/piece.h"
#include "common/mail/header.h"
#include "common/mail/transfer_coding.h"
#include "mta/form/conversion_part.h"
#include "mta/form/wire_body.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::channels;
using namespace waxwing::mta::form;

namespace {

constexpr mail::MimeLimits kLimits{.max_depth = 10, .max_parts = 100, .header = {}};

void conversions_file(std::string_view text) {
  mta::SourceSet sources;
  sources.set_file("conversions", std::string(text));
  std::vector<std::string> errors, warnings;
  const auto conversions = mta::Conversions::parse(sources, "conversions", errors, warnings);
  const auto mime = mail::parse_mime("Content-Type: text/plain; name=\"a.exe\"\r\n\r\nx\r\n");
  for (const auto& part : parts_of(mime))
    (void)entry_for(conversions, {"tcp_local", "ims-ms", {"t"}, "s"}, part);
}

void pieces(std::string_view text) {
  const auto piece = parse_piece(text);
  if (piece)
    MUST(piece->number > 0 && !piece->id.empty() && (piece->total == 0 || piece->number <= piece->total));
  const auto header = whole_header(text, text);
  MUST(header.ends_with("\r\n"));
}

void edition(std::uint8_t which, std::string_view message) {
  const auto mime = mail::parse_mime(message, kLimits);
  std::map<std::size_t, NewPart> replaced;
  std::set<std::size_t> removed;
  for (const auto& part : parts_of(mime)) {
    const auto what = (which >> (part.attachment % 4 * 2)) & 3;
    if (what == 1) removed.insert(part.index);
    if (what == 2) replaced.emplace(part.index, NewPart{"Content-Type: text/new\r\n\r\n", ""});
  }
  auto made = Edition::make(mime, replaced, removed);
  std::string out;
  for (;;) {
    const auto piece = made.next(message);
    MUST(piece.has_value());
    if (piece->empty()) break;
    out += *piece;
  }
  if (replaced.empty() && removed.empty()) MUST(out == message);
  MUST(out.size() <= message.size() + 100 * mime.parts.size());
}

void bodies(std::uint8_t which, std::string_view content) {
  const bool text = (which & 1) != 0;
  constexpr const char* kEncodings[] = {"", "7bit", "8bit", "base64", "quoted-printable", "none"};
  const auto body =
      wire_body(std::string(content), text, kEncodings[(which >> 1) % std::size(kEncodings)], {"b"});
  MUST(body.bytes.find("\n--b") == std::string::npos && !body.bytes.starts_with("--b"));
  const auto decoded = mail::decode_body(body.bytes, mail::transfer_encoding(body.encoding));
  if (!text) MUST(decoded.bytes == content);
}

}  // namespace

FUZZ_TARGET(detour) {
  fuzz::Input in(input);
  const auto choice = in.byte(), which = in.byte();
  switch (choice % 5) {
    case 0:
      return conversions_file(in.rest());
    case 1:
      return pieces(in.rest());
    case 2:
      return edition(which, in.rest());
    case 3:
      return bodies(which, in.rest());
    default:
      (void)parse_part_options(in.rest());
      (void)shell_command(in.rest());
  }
}
