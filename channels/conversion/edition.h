// A message with some of its parts replaced or taken out: pieces of the old one, new texts, and files. Nothing is
// joined in memory.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/mail/mime.h"

namespace waxwing::channels {

struct NewPart {
  std::string header;     // all of it, with the empty line
  std::string body_file;  // its body as it stands in the message; "": none
};

class Edition {
 public:
  // By index of Mime::parts; leaves only. A part that is the only one of its multipart, or the message itself, is not
  // taken out but left empty.
  static Edition make(const mail::Mime& mime, const std::map<std::size_t, NewPart>& replaced,
                      const std::set<std::size_t>& removed);
  // The message as it is.
  static Edition whole(std::size_t size_bytes);
  // The next piece; "" at the end. message: what mime was of. Blocks where it reads a file.
  Result<std::string> next(std::string_view message);

 private:
  struct Segment {
    std::size_t begin = 0, end = 0;  // of the old message
    std::string text, file;
  };
  std::vector<Segment> segments_;
  std::size_t at_ = 0;
  std::uint64_t offset_ = 0;  // in the file of the segment
};

}  // namespace waxwing::channels
