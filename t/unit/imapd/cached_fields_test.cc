#include "imapd/fetch/cached_fields.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "common/base/strings.h"
#include "common/mail/header.h"
#include "common/mail/section.h"

using namespace waxwing;

TEST_CASE("one field, found as in a scanned header block") {
  for (const std::string lines :
       {"", "Subject: one\r\n",
        "From: a\r\nSUBJECT : two\r\n three\r\n\tfour\r\nSubjects: no\r\nsubject:\r\nTo: b\r\n",
        "Subject: bare\nSubject:  \r\nX: Subject: no\r\n Subject: folded, no\r\nSubject: last without an "
        "end"}) {
    CAPTURE(lines);
    std::vector<std::string> expected, found;
    const auto block = mail::HeaderBlock::scan(lines);
    for (const auto& field : block.fields())
      if (iequals(field.name, "Subject")) expected.emplace_back(field.value);
    std::string_view rest = lines;
    while (const auto value = imap::next_field(rest, "Subject")) found.emplace_back(*value);
    CHECK(found == expected);
    for (const std::vector<std::string>& names :
         {std::vector<std::string>{}, {"subject"}, {"X", "To", "FROM"}, {"Subjects", "none"}})
      CHECK(imap::select_cached_fields(lines, names) == mail::select_fields(block, names, false));
  }
}
