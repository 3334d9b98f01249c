// Subject: fields of lists and access tables: a tag in front, a number in front or behind. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace waxwing::mta {

struct SubjectNumber {
  std::uint64_t number = 0;  // 0: none
  bool behind = false;       // the subject, not in front of it
  bool only_last = false;    // smaller ones, in the same place of an answer, go
};

// The field with its line end, as it came; what is not asked for stays. "Subject: [tag] text": an answer to a tagged
// message has the tag already. "Subject: 18 Re: 17 text" with a number, "Subject: 18 Re: text" when only the last
// stays: an answer begins with "Re:" or two or three other letters and a colon; there, and nowhere else, a number
// was one of ours.
std::string shaped_subject(std::string_view raw, std::string_view tag, const SubjectNumber& number);

}  // namespace waxwing::mta
