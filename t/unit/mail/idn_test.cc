#include "common/mail/idn.h"

#include <catch2/catch.hpp>
#include <string>

using waxwing::mail::to_a_labels, waxwing::mail::with_a_labels;

TEST_CASE("names of all scripts have one form in ASCII") {
  struct Row {
    const char *name, *expected;  // null: no name
  };
  const std::string long_label = "\xC3\xBC" + std::string(70, 'a') + ".example";
  for (const auto& [name, expected] : {
           Row{"bücher.example", "xn--bcher-kva.example"},
           Row{"BÜCHER.Example", "xn--bcher-kva.example"},
           Row{"bu\xCC\x88"
               "cher.example",
               "xn--bcher-kva.example"},                     // u and a combining diaeresis
           Row{"straße.example", "xn--strae-oqa.example"},   // not "strasse": RFC 5891
           Row{"例え。テスト", "xn--r8jz45g.xn--zckzah"},    // an ideographic full stop
           Row{"example.test。", nullptr},                   // the root has no place in an address
           Row{"אבג.example", "xn--4dbcd.example"},          // from right to left
           Row{"Plain.Example", "Plain.Example"},            // ASCII stays
           Row{"[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"},  //
           Row{"xn--bcher-kva.example", "xn--bcher-kva.example"},
           Row{"b\xFC"
               "cher.example",
               nullptr},                            // Latin-1
           Row{"א1b.example", nullptr},             // both directions in a label
           Row{"ü_x.example", nullptr},             //
           Row{"-ü.example", nullptr},              //
           Row{"a..ü.example", nullptr},            //
           Row{"ü\xE2\x80\x8Dx.example", nullptr},  // a joiner that joins nothing
           Row{"☃\xE2\x80\xAE.example", nullptr},   // an override of direction
           Row{long_label.c_str(), nullptr},
       }) {
    INFO(name);
    const auto made = to_a_labels(name);
    CHECK(made.has_value() == (expected != nullptr));
    if (made && expected) CHECK(*made == expected);
  }
  CHECK(with_a_labels("ü@bücher.example") == "ü@xn--bcher-kva.example");
  CHECK(with_a_labels("u@ü_") == "u@ü_");
  CHECK(with_a_labels("u").size() == 1);
  CHECK_FALSE(to_a_labels(std::string(1 << 20, '\xC3')));
  std::string many;
  for (int i = 0; i < 500; ++i) many += "ü.";
  CHECK_FALSE(to_a_labels(many + "example"));
}
