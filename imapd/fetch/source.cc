#include "imapd/fetch/source.h"

#include <algorithm>
#include <map>

#include "imapd/fetch/cached_fields.h"
#include "imapd/fetch/mapped_message.h"

namespace waxwing::imap {
namespace {

using mail::Section;

constexpr std::string_view kTooShort = "a message file is shorter than its index says";

bool wants_bytes(const FetchItem& item) {
  return item.kind == FetchKind::section || item.kind == FetchKind::rfc822 ||
         item.kind == FetchKind::binary || item.kind == FetchKind::binary_size;
}

bool is_cached_section(const FetchItem& item) {
  const auto& section = item.section;
  return item.kind == FetchKind::section && section.path.empty() &&
         section.text == Section::Text::header_fields &&
         std::ranges::all_of(section.fields, [](const auto& name) { return store::is_cached_header(name); });
}

// Cuts the partial range out of what was found: RFC 9051 §6.4.5.
void apply_partial(Content& content, const std::optional<FetchItem::Partial>& partial) {
  if (!partial || content.missing) return;
  const auto begin = std::min<std::uint64_t>(partial->offset, content.size);
  const auto count = std::min<std::uint64_t>(partial->count, content.size - begin);
  if (!content.streamed) {
    content.bytes = content.bytes.substr(begin, count);
  } else if (is_identity(content.encoding)) {
    content.offset += begin;
    content.length = count;
  } else {
    content.skip = begin;
  }
  content.size = count;
}

void hide_nul(std::string& bytes) {
  if (bytes.find('\0') != std::string::npos) std::ranges::replace(bytes, '\0', '\x80');
}

Content extent(std::uint64_t offset, std::uint64_t length) {
  return {.streamed = true, .offset = offset, .length = length, .size = length};
}

Content owned(std::string bytes) {
  Content content{.bytes = std::move(bytes)};
  content.size = content.bytes.size();
  return content;
}

std::uint64_t decoded_size(std::string_view body, mail::TransferEncoding encoding) {
  PieceDecoder decoder(encoding);
  std::uint64_t size = 0;
  while (!body.empty()) {
    const auto piece = body.substr(0, kPieceBytes);
    body.remove_prefix(piece.size());
    size += decoder.feed(piece, body.empty()).size();
  }
  return size;
}

// Finds the items of one request in one message; maps and parses it only when an item needs that.
class Finder {
 public:
  Finder(const store::MessageBytes& file, const store::MessageInfo& message)
      : file_(file), message_(message) {}

  Result<Content> find(const FetchItem& item) {
    const bool binary = item.kind == FetchKind::binary || item.kind == FetchKind::binary_size;
    TRY(auto content, binary ? find_binary(item.section) : find_section(item.section));
    content.may_hold_nul = binary;
    if (!binary) hide_nul(content.bytes);
    apply_partial(content, item.partial);
    if (!content.streamed && (owned_ += content.size) > kMostOwned)
      return permanent("[LIMIT] Too much is asked of one message at a time");
    if (!content.streamed || !is_identity(content.encoding) || content.size > kPieceBytes ||
        inline_ + content.size > kMostInline)
      return content;
    content.streamed = false;
    inline_ += content.size;
    TRY(content.bytes, file_.read(content.offset, content.length));
    if (content.bytes.size() != content.length) return temporary(std::string(kTooShort));
    if (!binary) hide_nul(content.bytes);
    return content;
  }

 private:
  Result<Content> find_section(const Section& section) {
    if (section.path.empty()) {
      const auto header = std::min<std::uint64_t>(message_.header_size, file_.size());
      if (section.text == Section::Text::whole) return extent(0, file_.size());
      if (section.text == Section::Text::header) return extent(0, header);
      if (section.text == Section::Text::text) return extent(header, file_.size() - header);
    }
    TRY(const auto* mapped, map());
    auto found = mail::find_section(mapped->mime(), section);
    if (found.missing) return Content{.missing = true};
    if (!found.owned.empty()) return owned(std::move(found.owned));
    if (found.bytes.empty()) return owned("");
    return extent(mapped->offset_of(found.bytes), found.bytes.size());
  }

  Result<Content> find_binary(const Section& section) {
    if (section.path.empty()) return extent(0, file_.size());
    TRY(const auto* mapped, map());
    const auto* part = mail::find_part(mapped->mime(), section.path);
    if (!part) return Content{.missing = true};
    auto content = extent(part->body_begin, part->body_size());
    if (part->kind != mail::MimePart::Kind::leaf) return content;
    content.encoding = part->encoding;
    if (content.encoding == mail::TransferEncoding::unknown) return Content{.unknown_encoding = true};
    if (!is_identity(content.encoding)) content.size = size_decoded(*part);
    return content;
  }

  // Counted once, however many items name the part.
  std::uint64_t size_decoded(const mail::MimePart& part) {
    const auto [at, is_new] = decoded_sizes_.try_emplace(&part);
    if (is_new) at->second = decoded_size(mapped_->mime().body_of(part), part.encoding);
    return at->second;
  }

  Result<const MappedMessage*> map() {
    if (!mapped_) {
      TRY(mapped_, MappedMessage::map(file_));
    }
    return mapped_.get();
  }

  const store::MessageBytes& file_;
  const store::MessageInfo& message_;
  std::unique_ptr<MappedMessage> mapped_;
  std::map<const mail::MimePart*, std::uint64_t> decoded_sizes_;
  std::size_t inline_ = 0, owned_ = 0;  // bytes of contents so far
};

}  // namespace

std::size_t FetchedMessage::bytes_held() const {
  std::size_t total = 0;
  for (const auto& content : contents) total += content.bytes.size();
  return total;
}

bool is_served_by_cache(const FetchRequest& request) {
  return std::ranges::all_of(request.items,
                             [](const auto& item) { return !wants_bytes(item) || is_cached_section(item); });
}

FetchedMessage fetch_from_cache(const FetchRequest& request, const store::CachedMessage& cached) {
  FetchedMessage fetched;
  fetched.contents.resize(request.items.size());
  for (std::size_t i = 0; i < request.items.size(); ++i) {
    const auto& item = request.items[i];
    if (!wants_bytes(item)) continue;
    fetched.contents[i] = owned(select_cached_fields(cached.headers, item.section.fields));
    hide_nul(fetched.contents[i].bytes);
    apply_partial(fetched.contents[i], item.partial);
  }
  return fetched;
}

Result<FetchedMessage> fetch_from_file(const FetchRequest& request, store::Mailbox& mailbox,
                                       const store::MessageInfo& message) {
  TRY(auto opened, mailbox.open_message(message));
  FetchedMessage fetched;
  fetched.file = std::make_shared<store::MessageBytes>(std::move(opened));
  fetched.contents.resize(request.items.size());
  Finder finder(*fetched.file, message);
  for (std::size_t i = 0; i < request.items.size(); ++i) {
    if (!wants_bytes(request.items[i])) continue;
    TRY(fetched.contents[i], finder.find(request.items[i]));
  }
  return fetched;
}

ContentReader::ContentReader(std::shared_ptr<store::MessageBytes> file, const Content& content)
    : file_(std::move(file)),
      decoder_(content.encoding),
      at_(content.offset),
      raw_left_(content.length),
      skip_(content.skip),
      left_(content.size),
      may_hold_nul_(content.may_hold_nul) {}

Result<std::string> ContentReader::next() {
  while (left_ > 0 && raw_left_ > 0) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(raw_left_, kPieceBytes));
    TRY(const auto raw, file_->read(at_, count));
    if (raw.size() != count) return temporary(std::string(kTooShort));
    at_ += count;
    raw_left_ -= count;
    auto piece = decoder_.feed(raw, raw_left_ == 0);
    const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, piece.size()));
    skip_ -= skipped;
    const auto kept = std::min<std::uint64_t>(left_, piece.size() - skipped);
    piece = piece.substr(skipped, static_cast<std::size_t>(kept));
    left_ -= kept;
    if (!may_hold_nul_) hide_nul(piece);
    if (!piece.empty()) return piece;
  }
  if (left_ > 0) return temporary("a message part decodes to less than it did before");
  return std::string();
}

}  // namespace waxwing::imap
