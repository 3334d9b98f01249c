#include "t/fuzz/frame/smtp_answers.h"

#include "common/base/strings.h"
#include "t/fuzz/fuzz.h"

namespace waxwing::fuzz {

std::vector<int> codes_of(std::string_view answers) {
  std::vector<int> codes;
  int going_on = 0;  // with this code
  while (!answers.empty()) {
    const auto end = answers.find("\r\n");
    MUST(end != answers.npos);
    const auto line = answers.substr(0, end);
    answers.remove_prefix(end + 2);
    MUST(line.find_first_of(std::string_view("\r\n\0", 3)) == line.npos);
    MUST(line.size() >= 4 && line.size() <= 510 && (line[3] == ' ' || line[3] == '-'));
    const auto code = to_number<int>(line.substr(0, 3));
    MUST(code && *code >= 200 && *code < 600);
    MUST(going_on == 0 || going_on == *code);
    going_on = line[3] == '-' ? *code : 0;
    if (going_on == 0) codes.push_back(*code);
  }
  MUST(going_on == 0);
  return codes;
}

}  // namespace waxwing::fuzz
