// The binary catalogue inside the program's read-only data. CATALOGUE_FILE is set by CMakeLists.txt.
        .section .rodata
        .balign 16
        .globl narrows_aws_catalogue_begin
        .globl narrows_aws_catalogue_end
narrows_aws_catalogue_begin:
        .incbin CATALOGUE_FILE
narrows_aws_catalogue_end:
        .byte 0
        .section .note.GNU-stack, "", %progbits
