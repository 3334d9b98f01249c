#include "channels/conversion/edition.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/base/file.h"
#include "mta/form/edits.h"

namespace waxwing::channels {

namespace {

using mail::Mime;

constexpr std::size_t kPieceBytes = 64 * 1024;

struct Range {
  std::size_t begin, end;
  std::string text, file;
};

// Its header says that there is nothing in it.
Range emptied(const Mime& mime, std::size_t index) {
  const auto& part = mime.parts[index];
  return {part.header_begin, part.end,
          mta::form::with_fields(mime.header_of(part), {{"Content-Type", "text/plain"},
                                                        {"Content-Transfer-Encoding", ""},
                                                        {"Content-Disposition", ""},
                                                        {"Content-Description", ""},
                                                        {"Content-MD5", ""}}),
          ""};
}

std::vector<std::size_t> children_of(const Mime& mime, std::size_t index) {
  std::vector<std::size_t> children;
  for (auto at = mime.parts[index].first_child; at >= 0;
       at = mime.parts[static_cast<std::size_t>(at)].next_sibling)
    children.push_back(static_cast<std::size_t>(at));
  return children;
}

// Parts of one multipart, with the boundaries that stand before or behind them.
void take_out(const Mime& mime, const std::vector<std::size_t>& children,
              const std::set<std::size_t>& removed, std::vector<Range>& ranges) {
  const auto gone = [&](std::size_t i) { return removed.contains(children[i]); };
  std::size_t kept = static_cast<std::size_t>(
      std::ranges::count_if(children, [&](auto child) { return !removed.contains(child); }));
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (!gone(i)) continue;
    if (kept == 0) {  // a multipart has a part
      ranges.push_back(emptied(mime, children[i]));
      kept = 1;
      continue;
    }
    auto last = i;
    while (last + 1 < children.size() && gone(last + 1)) ++last;
    if (last + 1 < children.size())
      ranges.push_back(
          {mime.parts[children[i]].header_begin, mime.parts[children[last + 1]].header_begin, "", ""});
    else
      ranges.push_back({mime.parts[children[i - 1]].end, mime.parts[children[last]].end, "", ""});
    i = last;
  }
}

}  // namespace

Edition Edition::make(const Mime& mime, const std::map<std::size_t, NewPart>& replaced,
                      const std::set<std::size_t>& removed) {
  std::vector<Range> ranges;
  std::set<std::int32_t> done;
  for (const auto& [index, fresh] : replaced) {
    const auto& part = mime.parts[index];
    ranges.push_back({part.header_begin, part.end, fresh.header, fresh.body_file});
  }
  for (const auto index : removed) {
    const auto above = mime.parts[index].parent;
    const bool in_multipart =
        above >= 0 && mime.parts[static_cast<std::size_t>(above)].kind == mail::MimePart::Kind::multipart;
    if (!in_multipart)
      ranges.push_back(emptied(mime, index));
    else if (done.insert(above).second)
      take_out(mime, children_of(mime, static_cast<std::size_t>(above)), removed, ranges);
  }
  std::ranges::sort(ranges, {}, &Range::begin);
  Edition edition;
  std::size_t at = 0;
  for (auto& range : ranges) {
    edition.segments_.push_back({at, range.begin, "", ""});
    edition.segments_.push_back({0, 0, std::move(range.text), std::move(range.file)});
    at = range.end;
  }
  edition.segments_.push_back({at, mime.message.size(), "", ""});
  return edition;
}

Edition Edition::whole(std::size_t size_bytes) {
  Edition edition;
  edition.segments_.push_back({0, size_bytes, "", ""});
  return edition;
}

Result<std::string> Edition::next(std::string_view message) {
  for (; at_ < segments_.size(); ++at_, offset_ = 0) {
    auto& segment = segments_[at_];
    if (!segment.text.empty()) return std::exchange(segment.text, "");
    if (segment.begin < segment.end) {
      const auto size = std::min(segment.end - segment.begin, kPieceBytes);
      std::string piece(message.substr(segment.begin, size));
      segment.begin += size;
      return piece;
    }
    if (segment.file.empty()) continue;
    TRY(const auto fd, open_file(segment.file, O_RDONLY));
    std::string piece(kPieceBytes, '\0');
    const auto got = ::pread(fd.get(), piece.data(), piece.size(), static_cast<off_t>(offset_));
    if (got < 0) return std::unexpected(system_error("cannot read " + segment.file, errno));
    if (got == 0) continue;
    piece.resize(static_cast<std::size_t>(got));
    offset_ += static_cast<std::uint64_t>(got);
    return piece;
  }
  return std::string();
}

}  // namespace waxwing::channels
