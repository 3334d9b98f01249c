// Charsets of text parts and of encoded words, by CHARSET-CONVERSION.
#include <algorithm>
#include <array>
#include <map>

#include "common/base/strings.h"
#include "common/mail/charset.h"
#include "common/mail/header.h"
#include "common/mail/transfer_coding.h"
#include "mta/form/address_fields.h"
#include "mta/form/edits.h"
#include "mta/form/parameter.h"
#include "mta/form/reformat.h"
#include "mta/form/wire_body.h"

namespace waxwing::mta::form {

namespace {

// A text that is larger is no letter to somebody, and its copies would not fit what a message may take of memory.
constexpr std::size_t kMostPartBytes = 16 << 20;
// Of one message; each is a question to the mapping, and that may be one to the directory.
constexpr std::size_t kMostCharsets = 50;
constexpr std::size_t kRoomBytes = 1 << 20;

constexpr std::array<std::string_view, 6> kTextFields = {
    "Subject", "Comments", "Keywords", "Content-Description", "Organization", "Thread-Topic"};

class Charsets {
 public:
  Charsets(std::string_view message, const ReformatTools& tools)
      : mime_(mail::parse_mime(message)),
        edits_(message),
        tools_(tools),
        room_(message.size() + kRoomBytes) {}

  Result<std::string> run() {
    std::map<std::size_t, ConversionPart> texts;
    for (auto& part : parts_of(mime_))
      if (part.type == "text") texts.emplace(part.index, std::move(part));
    for (std::size_t i = 0; i < mime_.parts.size(); ++i) {
      const auto& part = mime_.parts[i];
      if (is_sealed(mime_, part)) continue;
      std::string header(mime_.header_of(part));
      std::optional<std::string> body;
      if (const auto at = texts.find(i); at != texts.end()) body = change_part(at->second, header);
      change_words(header);
      if (error_) return std::unexpected(*error_);
      if (header != mime_.header_of(part)) edits_.replace(part.header_begin, part.body_begin, header);
      if (body) edits_.replace(part.body_begin, part.end, *body);
    }
    return edits_.take();
  }

 private:
  // Asked once for each charset. An answer that does not come is kept for the end.
  mail::CharsetChange change_of(std::string_view charset) {
    const auto name = to_lower(charset);
    if (const auto known = known_.find(name); known != known_.end()) return known->second;
    if (error_ || !mail::is_charset_name(name)) return {};
    if (known_.size() >= kMostCharsets) {
      tools_.note("all", "it names more than 50 charsets");
      return {};
    }
    auto answer = tools_.change(charset);
    if (!answer) {
      error_ = answer.error();
      return {};
    }
    return known_.emplace(name, std::move(*answer)).first->second;
  }

  // Its new body, when it is one; header: gets the new labels.
  std::optional<std::string> change_part(const ConversionPart& part, std::string& header) {
    const auto* named = part.content_type.find("charset");
    const std::string charset(named == nullptr ? "us-ascii" : trim(named->value));
    const auto change = change_of(charset);
    if (change.to.empty() || iequals(change.to, charset)) return std::nullopt;
    if (change.relabel_only) {
      set_labels(part, change.to, nullptr, header);
      return std::nullopt;
    }
    auto body = changed_body(part, charset, change.to);
    if (!body) {
      tools_.note(part.number, body.error());
      return std::nullopt;
    }
    set_labels(part, change.to, &*body, header);
    return std::move(body->bytes);
  }

  std::expected<WireBody, std::string> changed_body(const ConversionPart& part, const std::string& from,
                                                    const std::string& to) {
    const auto& place = mime_.parts[part.index];
    if (place.body_size() > kMostPartBytes)
      return std::unexpected("it is too large a text to be given another charset");
    const auto text = text_of_part(mime_, place);
    if (!text) return std::unexpected("its encoding is not known, or it is damaged");
    auto recoded = mail::recode(*text, from, to, room_);
    if (!recoded)
      return std::unexpected("from " + printable(from) + " to " + to + ": " +
                             std::string(mail::text_of(recoded.error())));
    auto body = in_encoding(place, std::move(*recoded), to);
    if (body.bytes.size() > place.body_size() + room_)
      return std::unexpected("the message would become too large");
    room_ -= std::min(room_, body.bytes.size() - std::min(body.bytes.size(), place.body_size()));
    return body;
  }

  // As it came where that will do. What the way before us did not see as 8-bit is not made so.
  WireBody in_encoding(const mail::MimePart& part, std::string text, const std::string& charset) const {
    const auto boundaries = boundaries_around(mime_, static_cast<std::size_t>(&part - mime_.parts.data()));
    if (is_wide_charset(charset)) return wire_body(std::move(text), false, "base64", boundaries);
    using enum mail::TransferEncoding;
    const auto high = static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return static_cast<unsigned char>(c) > 127; }));
    std::string wanted;
    if (part.encoding == base64 || high > text.size() / 3) wanted = "base64";
    if (part.encoding == quoted_printable && wanted.empty()) wanted = "quoted-printable";
    if ((part.encoding == eight_bit || part.encoding == binary) && high > 0) wanted = "8bit";
    return wire_body(std::move(text), true, wanted, boundaries);
  }

  void set_labels(const ConversionPart& part, const std::string& charset, const WireBody* body,
                  std::string& header) const {
    const auto& place = mime_.parts[part.index];
    std::string type = place.content_type.data() == nullptr ? "text/plain" : part.content_type.value;
    for (const auto& parameter : part.content_type.parameters)
      if (parameter.name != "charset") type += format_parameter(parameter.name, parameter.utf8());
    type += format_parameter("charset", charset);
    std::vector<NewField> fields = {{"Content-Type", type}};
    if (place.parent < 0) fields.push_back({"MIME-Version", "1.0"});
    if (body != nullptr) {
      fields.push_back({"Content-Transfer-Encoding", body->encoding});
      fields.push_back({"Content-MD5", ""});
      fields.push_back({"Content-Length", ""});
    }
    header = with_fields(header, fields);
  }

  void change_words(std::string& header) {
    if (header.find("=?") == header.npos) return;
    const auto block = mail::HeaderBlock::scan(header);
    Edits edits(header);
    for (const auto& field : block.fields()) {
      if (!is_among(field.name, kTextFields) && !is_among(field.name, kAddressFields)) continue;
      bool asked = false;
      const auto fresh = mail::recode_words(field.value, [&](std::string_view charset) {
        auto change = change_of(charset);
        asked = asked || (!change.to.empty() && !iequals(change.to, charset));
        return change;
      });
      if (fresh == field.value) {
        if (asked)
          tools_.note("header", "a word of " + printable(field.name) + " cannot be had in the other charset");
        continue;
      }
      const auto begin = static_cast<std::size_t>(field.value.data() - header.data());
      edits.replace(begin, begin + field.value.size(), fresh);
    }
    header = edits.take();
  }

  const mail::Mime mime_;
  Edits edits_;
  const ReformatTools& tools_;
  std::size_t room_;  // that the message may grow by
  std::map<std::string, mail::CharsetChange> known_;
  std::optional<Error> error_;
};

}  // namespace

Result<std::string> change_charsets(std::string_view message, const ReformatTools& tools) {
  return Charsets(message, tools).run();
}

}  // namespace waxwing::mta::form
